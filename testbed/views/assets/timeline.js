// The timeline: draws the spans in view on a canvas, and answers the pointer, the wheel, the keys and the filters.
// Spans lie in typed columns, sorted by start in one list per lane and kind, so that a frame costs what is in view;
// spans narrower than a pixel beside one already drawn are left out of the drawing, never out of a count.
(() => {
  "use strict";

  const STRIP = { axis: 20, version: 6, uplink: 18, queue: 14, other: 14, gap: 6, curve: 130 };
  const GROUP_GAP = 0.7; // lanes, as in lanes.py
  const MOST_VERSION_ROWS = 8;
  const LANE = { least: 1.5, most: 22, tallest: 12000 };
  const LONGEST_LISTED = 200; // steps of a chain that are written out; all are drawn
  const PAPER = { width: 760, height: 900, ratio: 2 };
  const REST_MS = 300; // without a change, before the picture for paper is made

  function unpack(text, Kind) {
    const letters = atob(text);
    const bytes = new Uint8Array(letters.length);
    for (let at = 0; at < letters.length; at++) bytes[at] = letters.charCodeAt(at);
    return new Kind(bytes.buffer);
  }

  function seconds(value) {
    return `${Number(value.toFixed(6))} s`;
  }

  // Rows of one lane and kind by start, with the latest end so far: where the first span in view may be.
  function sorted(rows, start, end) {
    const list = Int32Array.from(rows).sort((a, b) => start[a] - start[b] || a - b);
    const latest = new Float64Array(list.length);
    let highest = -Infinity;
    list.forEach((row, at) => { highest = Math.max(highest, end[row]); latest[at] = highest; });
    return { list, latest };
  }

  function firstIn(lane, time) {
    let low = 0, high = lane.list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (lane.latest[middle] > time) high = middle; else low = middle + 1;
    }
    return low;
  }

  function ticks(first, last, most) {
    const rough = (last - first) / Math.max(most, 1);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((m) => m * power).find((size) => size >= rough) || 10 * power;
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const found = [];
    for (let k = Math.ceil(first / step - 1e-9); k * step <= last * (1 + 1e-12); k++) {
      found.push([k * step, (k * step).toFixed(Math.min(digits, 9))]);
    }
    return found;
  }

  // "3, 7-12, group 1" -> a test of (device, group number); null where a word means nothing.
  function parseDevices(text) {
    const words = text.split(",").map((word) => word.trim().toLowerCase()).filter(Boolean);
    const tests = [];
    for (const word of words) {
      const range = word.match(/^(?:devices?[ -]*)?(\d+)(?:\s*-\s*(\d+))?$/);
      const group = word.match(/^g(?:roup)?[ -]*(\d+)$/);
      if (range) {
        const [first, last] = [Number(range[1]), Number(range[2] ?? range[1])];
        tests.push((device) => first <= device && device <= last);
      } else if (group) {
        tests.push((_, number) => number === Number(group[1]));
      } else {
        return null;
      }
    }
    return tests.length ? (device, number) => tests.some((test) => test(device, number)) : () => true;
  }

  function mount(section) {
    const data = JSON.parse(section.querySelector("script[type='application/json']").textContent);
    const find = (selector) => section.querySelector(selector);
    const [base, overlay, tooltip] = [find(".base"), find(".overlay"), find(".tooltip")];
    const [status, chainBox, search, select] = [find(".status"), find(".chain"), find("input[type='search']"), find("select")];

    const start = unpack(data.spans.start_s, Float64Array), end = unpack(data.spans.end_s, Float64Array);
    const kindOf = unpack(data.spans.kind, Uint8Array), entityOf = unpack(data.spans.entity, Int32Array);
    const cause = unpack(data.spans.cause, Int32Array);
    const versionTimes = unpack(data.versions.time_s, Float64Array), versionGroups = unpack(data.versions.group, Int32Array);
    const metrics = data.metrics.map((m) => (
      { name: m.name, time: unpack(m.time_s, Float64Array), value: unpack(m.value, Float64Array) }));
    const kinds = data.kinds, elapsed = data.elapsed_s;

    // Entities: devices have a lane, groups a row in the queue, the uplink its strip, anybody else a row of its own.
    const positionOf = new Map(), positionOfNumber = new Map();
    data.groups.forEach((group, position) => {
      positionOfNumber.set(group.number, position);
      for (const device of group.devices) positionOf.set(device, position);
    });
    // Between regions there are no groups and no uplink: the others, collectives and links, follow below the lanes.
    const between = data.regions;
    const labels = data.spans.labels;
    const entities = data.spans.entities.map((name, at) => {
      const [, word, digits] = name.match(/^(device|group)-(\d+)$/) || [];
      if (word === "device") return { name, type: "device", device: Number(digits), position: positionOf.get(Number(digits)) };
      if (word === "group") return { name, type: "group", position: positionOfNumber.get(Number(digits)) ?? 0 };
      return { name, type: name === "uplink" ? "uplink" : "other", position: 0, label: labels[at] ?? name };
    });
    const labelOf = new Map();
    entities.forEach((entity, at) => { if (entity.type === "device" && labels[at]) labelOf.set(entity.device, labels[at]); });
    const sent = kinds.indexOf("transmit"), queued = kinds.indexOf("queue");
    const byEntity = entities.map(() => kinds.map(() => []));
    const byGroup = data.groups.map(() => []);
    for (let row = 0; row < data.spans.count; row++) {
      const entity = entities[entityOf[row]];
      byEntity[entityOf[row]][kindOf[row]].push(row);
      if (entity.type === "device" && kindOf[row] === sent) byGroup[entity.position].push(row);
    }
    const lanesOf = byEntity.map((lists) => lists.map((rows) => sorted(rows, start, end)));
    const uplinkOf = byGroup.map((rows) => sorted(rows, start, end));
    const laneOfDevice = new Map();
    entities.forEach((entity, at) => { if (entity.type === "device") laneOfDevice.set(entity.device, lanesOf[at]); });
    const others = entities.map((entity, at) => ({ ...entity, at })).filter((entity) => entity.type === "other");

    const view = { first: data.window_s[0], last: data.window_s[1] };
    const shown = kinds.map(() => true);
    const state = { chain: [], hovered: -1, metric: 0, paper: false, wanted: () => true, focused: section.dataset.wheel === "always" };
    const sheet = document.createElement("canvas"), picture = find(".sheet");
    let surface = { base, overlay }, layout, theme, asked = 0, waiting = 0;

    // -- where things are -------------------------------------------------------------------------------------------

    function arrange() {
      const width = state.paper ? PAPER.width : Math.max(section.clientWidth, 240);
      const left = width < 620 ? 52 : 128, right = width - 12;
      const lanes = [], brackets = [];
      let y = 0;
      data.groups.forEach((group, position) => {
        const devices = group.devices.filter((device) => state.wanted(device, group.number));
        if (!devices.length) return;
        if (lanes.length) y += GROUP_GAP;
        brackets.push({ group, position, first: y, last: y + devices.length, count: devices.length });
        for (const device of devices) lanes.push({ device, position, at: y++, spans: laneOfDevice.get(device) });
      });
      const versionRows = data.groups.length <= MOST_VERSION_ROWS ? data.groups.length : 1;
      const version = { top: STRIP.axis, height: between ? 0 : Math.max(versionRows * STRIP.version, 14) };
      const uplink = { top: version.top + version.height + STRIP.gap, height: STRIP.uplink };
      const queue = { top: uplink.top + uplink.height + 2, height: STRIP.queue };
      let top = between ? STRIP.axis + STRIP.gap : queue.top + queue.height + STRIP.gap;
      const rowsFrom = (from) => others.map((entity, at) => ({ entity, top: from + at * STRIP.other, height: STRIP.other - 2 }));
      const rowsHeight = others.length ? others.length * STRIP.other + STRIP.gap : 0;
      let rows = rowsFrom(top);
      if (!between) top += rowsHeight;
      const curveHeight = metrics.length ? STRIP.curve : 0;
      const used = top + curveHeight + (between ? rowsHeight : 0);
      const room = (state.paper ? PAPER.height : innerHeight) - (state.focused || state.paper ? 210 : 260) - used;
      const height = Math.max(LANE.least, Math.min(LANE.most, room / Math.max(y, 1), LANE.tallest / Math.max(y, 1)));
      // A finger or a pointer needs a few pixels; more lanes than fit make the page scroll.
      const lane = y * 4 < LANE.tallest ? Math.max(height, 4) : height;
      let bottom = top + Math.max(y, 1) * lane;
      if (between) {
        rows = rowsFrom(bottom + STRIP.gap);
        bottom += rowsHeight;
      }
      const curve = { top: bottom + STRIP.axis + 12, height: curveHeight && curveHeight - 30 };
      layout = { width, left, right, version, versionRows, uplink, queue, rows, top, lane, bottom, curve, lanes, brackets,
        laneOf: new Map(lanes.map((own) => [own.device, own])), height: bottom + STRIP.axis + curveHeight + 10 };
      const ratio = Math.min(state.paper ? PAPER.ratio : devicePixelRatio || 1, 16000 / layout.height, 16000 / width);
      for (const canvas of new Set([surface.base, surface.overlay])) {
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(layout.height * ratio);
        canvas.style.width = `${width}px`;
        canvas.style.height = `${layout.height}px`;
        canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
      }
    }

    const xOf = (time) => layout.left + ((time - view.first) / (view.last - view.first)) * (layout.right - layout.left);
    const timeAt = (x) => view.first + ((x - layout.left) / (layout.right - layout.left)) * (view.last - view.first);
    const laneTop = (lane) => layout.top + lane.at * layout.lane;
    const laneBar = () => Math.max(layout.lane * 0.8, Math.min(layout.lane, 1));

    function readTheme() {
      const style = getComputedStyle(section);
      const word = (name) => style.getPropertyValue(name).trim();
      const light = { "--ink": "#222222", "--muted-ink": "#5f5f5f", "--paper": "#ffffff", "--panel": "#f7f7f7", "--grid": "#e6e6e6", "--absent": "#b0b0b0" };
      const colour = (name) => (state.paper ? light[name] : word(name));
      const lighten = state.paper ? 0 : Number(word("--lighten")) || 0;
      const mixed = (hex) => {
        const parts = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
        return `rgb(${parts.map((part) => Math.round(part + (255 - part) * lighten)).join(",")})`;
      };
      theme = { ink: colour("--ink"), muted: colour("--muted-ink"), paper: colour("--paper"), panel: colour("--panel"),
        grid: colour("--grid"), absent: colour("--absent"), stall: data.stall_colour, series: data.colours.map(mixed) };
      theme.hatch = hatch();
    }

    const colourOf = (position) => theme.series[position % theme.series.length];

    function hatch() {
      const tile = document.createElement("canvas");
      tile.width = tile.height = 6;
      const pen = tile.getContext("2d");
      pen.fillStyle = theme.paper;
      pen.fillRect(0, 0, 6, 6);
      pen.strokeStyle = theme.absent;
      pen.beginPath();
      for (const shift of [-6, 0, 6]) { pen.moveTo(shift, 6); pen.lineTo(shift + 6, 0); }
      pen.stroke();
      return pen.createPattern(tile, "repeat");
    }

    // How a kind is drawn, given the colour of the group: fill, opacity and height as a part of the lane's bar.
    function lookOf(kind, colour) {
      switch (kinds[kind]) {
        case "transmit": return { fill: theme.ink, alpha: 1, part: 1 };
        case "compute": return { fill: colour, alpha: 0.72, part: 1 };
        case "absent": return { fill: theme.hatch, alpha: 1, part: 1 };
        case "stall": return { fill: theme.stall, alpha: 1, part: 1 };
        case "all-reduce": return { fill: colourOf(2), alpha: 0.8, part: 1 };
        case "wait": return { fill: colour, alpha: 0.2, part: 1 };
        case "queue": return { fill: colour, alpha: 0.45, part: 0.5 };
        default: return { fill: theme.muted, alpha: 0.6, part: 0.6 };
      }
    }

    // -- drawing ----------------------------------------------------------------------------------------------------

    // Draw what is in view of one sorted list; return how many spans that is.
    function drawList(pen, lane, top, height) {
      let reach = -Infinity, count = 0;
      for (let at = firstIn(lane, view.first); at < lane.list.length; at++) {
        const row = lane.list[at];
        if (start[row] >= view.last) break;
        if (end[row] <= view.first && start[row] < view.first) continue;
        count++;
        const x = Math.max(xOf(start[row]), layout.left), to = Math.min(xOf(end[row]), layout.right);
        if (to <= reach) continue;
        // Short spans keep a pixel, or a transmission would vanish beside the training before it.
        const width = Math.max(to - x, 1);
        pen.fillRect(x, top, width, height);
        reach = Math.max(reach, x + width);
      }
      return count;
    }

    function drawBase() {
      const pen = surface.base.getContext("2d"), began = performance.now();
      pen.clearRect(0, 0, layout.width, layout.height);
      if (state.paper) { pen.fillStyle = theme.paper; pen.fillRect(0, 0, layout.width, layout.height); }
      pen.font = "12px system-ui, sans-serif";
      pen.textBaseline = "middle";
      drawGrid(pen);
      const faint = state.chain.length ? 0.25 : 1;
      drawStrips(pen, faint);
      const count = drawLanes(pen, faint);
      drawLabels(pen);
      drawCurve(pen);
      if (state.paper) return;
      section.dataset.firstS = view.first;
      section.dataset.lastS = view.last;
      section.dataset.numInView = count;
      section.dataset.numLanes = layout.lanes.length;
      section.dataset.drawMs = performance.now() - began;
      const whose = between ? "regions" : "devices";
      const lanes = `${layout.lanes.length.toLocaleString("en")} of ${positionOf.size.toLocaleString("en")} ${whose}`;
      status.textContent = `${seconds(view.first)} to ${seconds(view.last)}: ${count.toLocaleString("en")} spans of ${lanes}`;
    }

    function drawGrid(pen) {
      const most = (layout.right - layout.left) / 90;
      pen.textAlign = "center";
      for (const [time, label] of ticks(view.first, view.last, most)) {
        const x = xOf(time);
        pen.fillStyle = theme.grid;
        pen.fillRect(x, layout.version.top, 1, layout.bottom - layout.version.top);
        if (layout.curve.height) pen.fillRect(x, layout.curve.top, 1, layout.curve.height);
        pen.fillStyle = theme.muted;
        const inside = Math.min(x, layout.right - pen.measureText(label).width / 2);
        pen.fillText(label, inside, STRIP.axis / 2);
        pen.fillText(label, inside, layout.bottom + STRIP.axis / 2);
      }
      pen.textAlign = "right";
      pen.fillText(layout.left > 100 ? "simulated time [s]" : "t [s]", layout.left - 8, layout.bottom + STRIP.axis / 2);
    }

    function drawStrips(pen, faint) {
      pen.textAlign = "right";
      const label = (text, strip) => {
        pen.fillStyle = theme.muted;
        pen.fillText(text, layout.left - 8, strip.top + strip.height / 2, layout.left - 10);
      };
      const wide = layout.left > 100;
      pen.fillStyle = theme.panel;
      for (const strip of [...(between ? [] : [layout.version, layout.uplink, layout.queue]), ...layout.rows]) {
        pen.fillRect(layout.left, strip.top, layout.right - layout.left, strip.height);
      }
      if (!between) drawUplink(pen, label, wide, faint);
      for (const row of layout.rows) {
        pen.globalAlpha = 1;
        label(row.entity.label, row);
        drawKinds(pen, lanesOf[row.entity.at], row.top, row.height, theme.muted, faint);
      }
      pen.globalAlpha = 1;
    }

    function drawUplink(pen, label, wide, faint) {
      label(wide ? "global versions" : "version", layout.version);
      label(wide ? "uplink in use" : "uplink", layout.uplink);
      label(wide ? "queue for it" : "queue", layout.queue);
      pen.globalAlpha = faint;
      const room = layout.version.height / layout.versionRows;
      const reach = new Float64Array(data.groups.length).fill(-Infinity);
      for (let at = 0; at < versionTimes.length; at++) {
        if (versionTimes[at] < view.first || versionTimes[at] > view.last) continue;
        const position = positionOfNumber.get(versionGroups[at]) ?? 0, x = xOf(versionTimes[at]);
        if (x - reach[position] < 0.5) continue;
        reach[position] = x;
        pen.fillStyle = colourOf(position);
        pen.fillRect(Math.min(x, layout.right) - 1, layout.version.top + (layout.versionRows > 1 ? position : 0) * room, 2, room);
      }
      data.groups.forEach((_, position) => {
        pen.fillStyle = colourOf(position);
        if (shown[sent]) drawList(pen, uplinkOf[position], layout.uplink.top, layout.uplink.height);
      });
      const part = layout.queue.height / data.groups.length;
      entities.forEach((entity, at) => {
        if (entity.type !== "group" || queued < 0 || !shown[queued]) return;
        pen.fillStyle = colourOf(entity.position);
        drawList(pen, lanesOf[at][queued], layout.queue.top + entity.position * part, Math.max(part, 1));
      });
    }

    function drawKinds(pen, lists, top, height, colour, faint) {
      let count = 0;
      lists.forEach((list, kind) => {
        if (!shown[kind] || !list.list.length) return;
        const look = lookOf(kind, colour);
        pen.globalAlpha = look.alpha * faint;
        pen.fillStyle = look.fill;
        count += drawList(pen, list, top + (height * (1 - look.part)) / 2, height * look.part);
      });
      return count;
    }

    function drawLanes(pen, faint) {
      const height = laneBar();
      let count = 0;
      for (const lane of layout.lanes) {
        const top = laneTop(lane), colour = colourOf(lane.position);
        pen.globalAlpha = 0.1;
        pen.fillStyle = colour;
        pen.fillRect(layout.left, top, layout.right - layout.left, height);
        if (lane.spans) count += drawKinds(pen, lane.spans, top, height, colour, faint);
      }
      pen.globalAlpha = 1;
      return count;
    }

    function drawLabels(pen) {
      pen.textAlign = "right";
      const step = Math.max(1, Math.ceil(11 / layout.lane));
      pen.font = `${Math.min(11, Math.max(9, layout.lane))}px system-ui, sans-serif`;
      pen.fillStyle = theme.muted;
      for (const bracket of layout.brackets) {
        const own = layout.lanes.filter((lane) => lane.position === bracket.position);
        own.forEach((lane, at) => {
          const text = labelOf.get(lane.device) ?? String(lane.device);
          if (at % step === 0) pen.fillText(text, layout.left - 5, laneTop(lane) + layout.lane * 0.4, layout.left - 10);
        });
      }
      pen.font = "12px system-ui, sans-serif";
      for (const { group, position, first, last, count } of between ? [] : layout.brackets) {
        const top = layout.top + first * layout.lane, height = (last - first) * layout.lane - layout.lane * 0.2;
        const x = layout.left - (layout.left > 100 ? 32 : 30);
        pen.fillStyle = colourOf(position);
        pen.fillRect(x, top, 4, height);
        pen.fillStyle = theme.ink;
        if (layout.left < 100) { if (height > 12 && group.number >= 0) pen.fillText(`g${group.number}`, x - 2, top + height / 2); continue; }
        const size = `${count} device${count > 1 ? "s" : ""}`;
        const share = group.share === null || count < group.devices.length ? [] : [`${Number((100 * group.share).toPrecision(3))} % of data`];
        const lines = [...(group.name === "devices" ? [] : [group.name]), size, ...share].slice(0, Math.floor(height / 14));
        lines.forEach((line, at) => pen.fillText(line, x - 6, top + height / 2 + (at - (lines.length - 1) / 2) * 14));
      }
    }

    function drawCurve(pen) {
      const metric = metrics[state.metric], { top, height } = layout.curve;
      if (!metric) return;
      let low = Infinity, high = -Infinity;
      for (const value of metric.value) if (Number.isFinite(value)) { low = Math.min(low, value); high = Math.max(high, value); }
      if (metric.name.includes("accuracy")) { low = 0; high = 1; }
      if (!(low < high)) { low -= 0.5; high = low + 1; }
      if (!Number.isFinite(low)) return;
      const yOf = (value) => top + height - ((value - low) / (high - low)) * height;
      pen.textAlign = "right";
      for (const [value, label] of ticks(low, high, 3)) {
        pen.fillStyle = theme.grid;
        pen.fillRect(layout.left, yOf(value), layout.right - layout.left, 1);
        pen.fillStyle = theme.muted;
        pen.fillText(label, layout.left - 8, Math.max(yOf(value), top + 4));
      }
      if (layout.left > 100) { pen.fillStyle = theme.ink; pen.fillText(metric.name.replaceAll("_", " "), layout.left - 40, top + height / 2); }
      pen.save();
      pen.beginPath();
      pen.rect(layout.left, top - 2, layout.right - layout.left, height + 4);
      pen.clip();
      pen.strokeStyle = colourOf(0);
      pen.lineWidth = 2;
      pen.beginPath();
      let on = false;
      for (let at = 0; at < metric.time.length; at++) {
        if (!Number.isFinite(metric.value[at])) { on = false; continue; }
        const x = xOf(metric.time[at]), y = yOf(metric.value[at]);
        if (on) pen.lineTo(x, y); else pen.moveTo(x, y);
        on = true;
      }
      pen.stroke();
      pen.restore();
    }

    // Where a span is drawn, or null where its row is filtered away.
    function placeOf(row) {
      const entity = entities[entityOf[row]];
      if (entity.type === "uplink") return layout.uplink;
      if (entity.type === "group") {
        const part = layout.queue.height / data.groups.length;
        return { top: layout.queue.top + entity.position * part, height: Math.max(part, 2) };
      }
      if (entity.type === "other") return layout.rows.find((other) => other.entity.name === entity.name);
      const lane = layout.laneOf.get(entity.device);
      return lane ? { top: laneTop(lane), height: laneBar() } : null;
    }

    function drawOverlay() {
      const pen = surface.overlay.getContext("2d");
      if (!state.paper) pen.clearRect(0, 0, layout.width, layout.height);
      pen.save();
      pen.beginPath();
      pen.rect(layout.left - 2, 0, layout.right - layout.left + 4, layout.height);
      pen.clip();
      let before = null;
      for (const row of state.chain) {
        const place = placeOf(row);
        if (place && end[row] >= view.first && start[row] <= view.last) {
          const x = xOf(start[row]), width = Math.max(xOf(end[row]) - x, 2), entity = entities[entityOf[row]];
          const look = lookOf(kindOf[row], colourOf(entity.position ?? 0));
          pen.fillStyle = theme.paper;
          pen.fillRect(x, place.top, width, place.height);
          pen.globalAlpha = Math.max(look.alpha, 0.5);
          pen.fillStyle = look.fill;
          pen.fillRect(x, place.top, width, place.height);
          pen.globalAlpha = 1;
          pen.strokeStyle = theme.ink;
          pen.lineWidth = 1.5;
          pen.strokeRect(x, place.top, width, place.height);
          if (before) {  // from the end of this span to the start of the one that it released
            pen.beginPath();
            pen.moveTo(x + width, place.top + place.height / 2);
            pen.lineTo(xOf(start[before.row]), before.place.top + before.place.height / 2);
            pen.stroke();
          }
        }
        before = place ? { row, place } : before;
      }
      const place = !state.paper && state.hovered >= 0 && !state.chain.includes(state.hovered) ? placeOf(state.hovered) : null;
      if (place) {
        const x = xOf(start[state.hovered]);
        pen.strokeStyle = theme.ink;
        pen.lineWidth = 2;
        pen.strokeRect(x, place.top, Math.max(xOf(end[state.hovered]) - x, 2), place.height);
      }
      pen.restore();
    }

    function draw() {
      if (asked) return;
      asked = requestAnimationFrame(() => { asked = 0; drawBase(); drawOverlay(); });
      printLater();
    }

    function redraw() {
      readTheme();
      arrange();
      drawBase();
      drawOverlay();
      printLater();
    }

    // What is printed is a picture in light colours and for the width of a sheet, made once the view rests: browsers
    // do not print what is drawn on a canvas after printing was asked for.
    function printLater() {
      clearTimeout(waiting);
      waiting = setTimeout(drawSheet, REST_MS);
    }

    function drawSheet() {
      const kept = { layout, theme };
      state.paper = true;
      surface = { base: sheet, overlay: sheet };
      readTheme();
      arrange();
      drawBase();
      drawOverlay();
      picture.src = sheet.toDataURL();
      state.paper = false;
      surface = { base, overlay };
      ({ layout, theme } = kept);
    }

    // -- what is under the pointer ----------------------------------------------------------------------------------

    function spanAt(x, y) {
      if (x < layout.left - 2 || x > layout.right + 2) return -1;
      const slack = (2 * (view.last - view.first)) / (layout.right - layout.left), time = timeAt(x);
      const within = (strip) => y >= strip.top && y <= strip.top + strip.height;
      const best = { row: -1, away: Infinity };
      const look = (lane) => {
        if (!lane) return;
        for (let at = firstIn(lane, time - slack); at < lane.list.length; at++) {
          const row = lane.list[at];
          if (start[row] > time + slack) break;
          const away = Math.max(start[row] - time, time - end[row], 0);
          if (away <= slack && away <= best.away) { best.row = row; best.away = away; }
        }
      };
      const kindsDown = kinds.map((_, kind) => kind).filter((kind) => shown[kind]).reverse();
      const lookDown = (lists) => {  // what is drawn last is on top
        if (lists) for (const kind of kindsDown) { look(lists[kind]); if (best.away === 0) return; }
      };
      if (!between && within(layout.uplink) && shown[sent]) uplinkOf.forEach(look);
      else if (!between && within(layout.queue) && queued >= 0 && shown[queued]) {
        entities.forEach((entity, at) => { if (entity.type === "group") look(lanesOf[at][queued]); });
      } else {
        const other = layout.rows.find(within);
        const lane = layout.lanes.find((candidate) => y >= laneTop(candidate) && y < laneTop(candidate) + layout.lane);
        if (other) lookDown(lanesOf[other.entity.at]);
        else if (lane) lookDown(lane.spans);
      }
      return best.row;
    }

    const name = (row) => `${labels[entityOf[row]] ?? entities[entityOf[row]].name} ${kinds[kindOf[row]]}`;

    function describe(row) {
      const because = cause[row] < 0 ? "none" : `${name(cause[row])}, until ${seconds(end[cause[row]])}`;
      return `${name(row)}\nstart ${seconds(start[row])}\nend ${seconds(end[row])}\n` +
        `duration ${seconds(end[row] - start[row])}\ncause: ${because}`;
    }

    function hover(x, y) {
      const row = spanAt(x, y);
      overlay.style.cursor = row >= 0 ? "pointer" : "";
      tooltip.hidden = row < 0;
      if (row >= 0) {
        tooltip.textContent = describe(row);
        const { offsetWidth: width, offsetHeight: height } = tooltip;
        tooltip.style.left = `${Math.max(0, x + 14 + width > layout.width ? x - width - 14 : x + 14)}px`;
        tooltip.style.top = `${Math.max(0, y + 14 + height > layout.height ? y - height - 14 : y + 14)}px`;
      }
      if (row !== state.hovered) { state.hovered = row; drawOverlay(); }
    }

    function choose(row) {
      state.chain = [];
      const seen = new Set();
      for (let at = row; at >= 0 && !seen.has(at); at = cause[at]) { seen.add(at); state.chain.push(at); }
      section.dataset.chain = state.chain.length;
      chainBox.hidden = !state.chain.length;
      chainBox.replaceChildren();
      if (state.chain.length) {
        const title = document.createElement("strong"), list = document.createElement("ol");
        title.textContent = `Why ${name(row)} began at ${seconds(start[row])}: each line was released by the next`;
        for (const step of state.chain.slice(0, LONGEST_LISTED)) {
          const item = document.createElement("li");
          item.textContent = `${name(step)}: ${seconds(start[step])} to ${seconds(end[step])}`;
          list.append(item);
        }
        chainBox.append(title, list);
        const more = state.chain.length - LONGEST_LISTED;
        if (more > 0) chainBox.append(`and ${more.toLocaleString("en")} earlier ones`);
      }
      draw();
    }

    // -- moving -----------------------------------------------------------------------------------------------------

    function show(first, last) {
      const width = Math.min(Math.max(last - first, elapsed * 1e-7), elapsed);
      view.first = Math.min(Math.max(first, 0), elapsed - width);
      view.last = view.first + width;
      draw();
    }

    function zoom(factor, x = (layout.left + layout.right) / 2) {
      const time = Math.min(Math.max(timeAt(x), view.first), view.last);
      const width = Math.min(Math.max((view.last - view.first) * factor, elapsed * 1e-7), elapsed);
      const part = (time - view.first) / (view.last - view.first);
      show(time - part * width, time + (1 - part) * width);
    }

    const shift = (part) => show(view.first + part * (view.last - view.first), view.last + part * (view.last - view.first));
    const actions = {
      in: () => zoom(0.5), out: () => zoom(2), left: () => shift(-0.5), right: () => shift(0.5),
      window: () => show(...data.window_s), all: () => show(0, elapsed),
    };
    for (const button of section.querySelectorAll("[data-action]")) button.addEventListener("click", actions[button.dataset.action]);

    overlay.addEventListener("wheel", (event) => {
      if (!state.focused && !event.ctrlKey && document.activeElement !== overlay) return;
      event.preventDefault();
      const line = event.deltaMode === 1 ? 18 : 1;
      const sideways = event.shiftKey && !event.deltaX ? event.deltaY : event.deltaX;
      if (Math.abs(sideways) > Math.abs(event.deltaY) || event.shiftKey) shift((sideways * line) / 1000);
      else zoom(Math.exp((event.deltaY * line) / 400), event.offsetX);
    }, { passive: false });

    const keys = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", 0: "window" };
    overlay.addEventListener("keydown", (event) => {
      if (event.key === "Escape") choose(-1);
      if (!(event.key in keys) || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      actions[keys[event.key]]();
    });

    // One pointer drags, two pinch; a press that went nowhere is a click.
    const pressed = new Map();
    let moved = 0;
    overlay.addEventListener("pointerdown", (event) => {
      overlay.setPointerCapture(event.pointerId);
      pressed.set(event.pointerId, event.offsetX);
      moved = pressed.size > 1 ? Infinity : 0;
    });
    overlay.addEventListener("pointermove", (event) => {
      if (!pressed.has(event.pointerId)) { hover(event.offsetX, event.offsetY); return; }
      const before = pressed.get(event.pointerId), places = [...pressed.values()];
      pressed.set(event.pointerId, event.offsetX);
      const now = [...pressed.values()];
      if (pressed.size === 2) {
        const [was, is] = [places, now].map(([a, b]) => Math.max(Math.abs(a - b), 12));
        zoom(was / is, (now[0] + now[1]) / 2);
      } else if (pressed.size === 1) {
        moved += Math.abs(event.offsetX - before);
        if (moved > 3) { tooltip.hidden = true; shift((before - event.offsetX) / (layout.right - layout.left)); }
      }
    });
    const release = (event) => {
      if (pressed.delete(event.pointerId) && !pressed.size && event.type === "pointerup" && moved <= 3) {
        hover(event.offsetX, event.offsetY);
        choose(spanAt(event.offsetX, event.offsetY));
      }
    };
    overlay.addEventListener("pointerup", release);
    overlay.addEventListener("pointercancel", release);
    overlay.addEventListener("pointerleave", () => { if (!pressed.size) { tooltip.hidden = true; state.hovered = -1; drawOverlay(); } });

    search.addEventListener("input", () => {
      const wanted = parseDevices(search.value);
      search.setAttribute("aria-invalid", String(wanted === null));
      if (wanted === null) return;
      state.wanted = wanted;
      redraw();
    });
    for (const box of section.querySelectorAll("input[data-kind]")) {
      const kind = kinds.indexOf(box.dataset.kind);
      shown[kind] = box.checked; // a browser may remember how a reloaded page was left
      box.addEventListener("change", () => { shown[kind] = box.checked; draw(); });
    }
    if (select) {
      select.selectedIndex = 0;
      select.addEventListener("change", () => { state.metric = select.selectedIndex; draw(); });
    }
    search.value = "";

    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    let width = 0;
    new ResizeObserver(() => {
      if (section.clientWidth === width || matchMedia("print").matches) return;
      width = section.clientWidth;
      redraw();
    }).observe(section);
    redraw();
  }

  for (const section of document.querySelectorAll("section.timeline")) mount(section);
})();
