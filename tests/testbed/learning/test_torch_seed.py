import pytest
import torch

from testbed.learning.torch_seed import seeded


def test_the_same_seed_draws_the_same_numbers_and_another_seed_others():
    def draw(seed: int) -> torch.Tensor:
        with seeded(seed):
            return torch.rand(8)

    assert torch.equal(draw(3), draw(3))
    assert not torch.equal(draw(3), draw(4))


def test_the_numbers_do_not_depend_on_what_was_drawn_before():
    with seeded(3):
        first = torch.rand(8)
    torch.rand(100)
    with seeded(3):
        second = torch.rand(8)
    assert torch.equal(first, second)


def test_the_global_generator_is_left_as_it_was():
    before = torch.get_rng_state()
    with seeded(3):
        torch.rand(8)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_block_that_fails_leaves_the_global_generator_as_it_was():
    before = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError), seeded(3):
        torch.rand(8)
        _ = 1 / 0
    assert torch.equal(torch.get_rng_state(), before)


def test_an_inner_scope_does_not_disturb_the_outer_one():
    with seeded(3):
        undisturbed = torch.rand(8)
    with seeded(3):
        with seeded(4):
            torch.rand(5)
        assert torch.equal(torch.rand(8), undisturbed)


@pytest.mark.parametrize("seed", [0, 2**63, 2**64 - 1])
def test_every_seed_of_64_bits_is_accepted(seed):
    with seeded(seed):
        torch.rand(1)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(ValueError, match=str(seed)), seeded(seed):
        pass


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_generator_of_a_started_cuda_device_is_seeded_and_restored():
    torch.cuda.init()
    before = torch.cuda.get_rng_state()
    with seeded(3):
        first = torch.rand(8, device="cuda")
    with seeded(3):
        second = torch.rand(8, device="cuda")
    assert torch.equal(first, second)
    assert torch.equal(torch.cuda.get_rng_state(), before)
