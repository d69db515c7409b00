/* The page's way of working: it asks the server once a second what it tells, keeps the last minutes, and draws them.
 * No library, and nothing from elsewhere. Text from the server is only ever put in as text. */
const POLL_MS = 1000;
const KEPT = 300; // points of history
const SPAN = 5; // how many polls a rate is taken over
const LEFT = 42; // px for the numbers beside a chart
const $ = id => document.getElementById(id);
let model = null, status = null, history = [], hovered = null, polls = 0;

// ---- text and elements ----

const known = value => typeof value === "number" && isFinite(value);
function number(value, digits = 3) {
    if (!known(value)) return "–";
    const size = Math.abs(value);
    const places = size >= 100 || value === 0 ? 0 : size >= 10 ? Math.min(1, digits - 2) : digits - 1;
    return value.toLocaleString("en", {maximumFractionDigits: Math.max(0, places)});
}
/* On an axis, where there is little room. */
const short = value => value >= 10000 ? number(value / 1000) + "k" : number(value);
const percent = value => known(value) ? number(100 * value, 2) + " %" : "–";
function bytes(value) {
    if (!known(value) || value <= 0) return "–";
    return value >= 2 ** 30 ? number(value / 2 ** 30) + " GiB" : number(value / 2 ** 20) + " MiB";
}
function duration(s) {
    if (!known(s)) return "";
    if (s < 120) return Math.round(s) + " s";
    if (s < 7200) return Math.round(s / 60) + " min";
    return s < 172800 ? Math.round(s / 3600) + " h" : Math.round(s / 86400) + " days";
}
function element(name, options = {}, ...children) {
    const made = document.createElement(name);
    Object.assign(made, options);
    made.append(...children);
    return made;
}
function shape(name, attributes) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    return made;
}

// ---- asking ----

const keyOf = kind => { try { return sessionStorage.getItem("batchtune-key-" + kind); } catch { return null; } };
const keepKey = (kind, key) => { try { sessionStorage.setItem("batchtune-key-" + kind, key); } catch { /* for this once */ } };
function ask(path, kind, options = {}) {
    const key = keyOf(kind);
    const headers = Object.assign({}, options.headers, key ? {Authorization: "Bearer " + key} : {});
    return fetch(path, Object.assign({cache: "no-store"}, options, {headers}));
}
function setState(text, kind) {
    if ($("state").textContent !== text) $("state").textContent = text; // told aloud when it changes
    $("state").className = "pill " + kind;
    $("figures").classList.toggle("stale", kind === "bad" && !status?.server.ready);
}
function lock(locked) {
    $("locked").hidden = !locked;
    $("figures").hidden = locked;
    if (locked && keyOf("figures")) $("locked-why").textContent = "That key does not open it.";
}
async function poll() {
    try {
        const answer = await ask("status", "figures", {signal: AbortSignal.timeout(5000)});
        lock(answer.status === 401);
        if (answer.status === 401) return setState("locked", "quiet");
        if (!answer.ok) throw new Error(answer.status);
        status = await answer.json();
        remember();
        if (polls++ % 2 === 0) explain();
        const ready = status.server.ready;
        setState(ready ? "ready" : status.server.unready, ready ? "good" : "bad");
        show();
    } catch {
        setState("no answer", "bad");
        $("figures").classList.add("stale");
    }
}
async function tick() {
    if (!document.hidden) await poll();
    setTimeout(tick, POLL_MS);
}

// ---- history ----

const LOSSES = ["rejected_full", "rejected_deadline", "rejected_closed", "expired", "failed"];
function remember() {
    const last = history[history.length - 1];
    const began = m => m.uptime_s;
    for (const name in status.models)
        if (last && last.models[name] && began(status.models[name]) < began(last.models[name])) history = []; // another service
    history.push({at: status.server.now_s, models: status.models, server: status.server});
    if (history.length > KEPT) history.shift();
}
const of = point => point.models[model];
function rate(index, count) {
    const to = history[index], from = history[Math.max(0, index - SPAN)];
    if (!of(to) || !of(from) || to.at <= from.at) return null;
    return (count(of(to)) - count(of(from))) / (to.at - from.at);
}
const line = value => history.map((point, index) => of(point) ? value(of(point), index, point) : null);
function since(count) { // over all of the history
    const to = of(history[history.length - 1]), from = of(history[0]);
    return from && history.length > 1 ? count(to) - count(from) : count(to);
}

// ---- charts ----

function nice(most) {
    if (!(most > 0)) return 1;
    const decade = 10 ** Math.floor(Math.log10(most));
    return decade * [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find(step => step * decade >= most * 1.02 || step === 10);
}
function legend(card, items) {
    card.querySelector(".legend").replaceChildren(...items.map(item => {
        const mark = element("i", {className: item.dashed ? "dashed" : ""});
        return element("span", {}, item.style ? element("span", {className: item.style}, mark) : "", item.name + " ", element("b", {textContent: item.text}));
    }));
}
function frame(id, most, bottom) {
    const svg = $(id), width = svg.clientWidth || 400, height = 170, left = LEFT, top = 8;
    const box = {svg, left, top, width: width - left - 4, height: height - top - 20};
    box.y = value => top + box.height * (1 - value / most);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren();
    for (let i = 0; i <= 2; i++) {
        const value = most * i / 2, y = box.y(value);
        svg.append(shape("line", {class: "grid", x1: left, x2: width - 4, y1: y, y2: y}));
        const text = shape("text", {x: left - 6, y: y + 4, "text-anchor": "end"});
        text.textContent = short(value);
        svg.append(text);
    }
    for (const [x, anchor, words] of bottom(box)) {
        const text = shape("text", {x, y: height - 4, "text-anchor": anchor});
        text.textContent = words;
        svg.append(text);
    }
    return box;
}
function chart(id, what, unit, series) {
    const shown = series.filter(s => s.values.some(known)), count = history.length;
    const most = nice(Math.max(...shown.flatMap(s => s.values.filter(known)), 0));
    const span = history[count - 1].at - history[0].at;
    const box = frame(id, most, b => [[b.left, "start", span >= 2 ? duration(span) + " ago" : ""], [b.left + b.width, "end", "now"]]);
    const x = index => box.left + (span > 0 ? box.width * (history[index].at - history[0].at) / span : box.width);
    for (const s of shown) {
        let path = "", drawing = false;
        s.values.forEach((value, index) => {
            if (known(value)) path += (drawing ? "L" : "M") + x(index).toFixed(1) + " " + box.y(Math.max(value, 0)).toFixed(1);
            drawing = known(value);
        });
        box.svg.append(shape("path", {class: s.style + (s.dashed ? " dashed" : ""), d: path}));
    }
    const at = hovered?.id === id ? nearest(hovered.share, span) : count - 1;
    if (hovered?.id === id) box.svg.append(shape("line", {class: "cursor", x1: x(at), x2: x(at), y1: box.top, y2: box.top + box.height}));
    legend(box.svg.parentElement, shown.map(s => ({name: s.name, style: s.style, dashed: s.dashed, text: number(s.values[at])})));
    box.svg.setAttribute("aria-label", what + ": " +
        (shown.map(s => s.name + " " + number(s.values[count - 1]) + " " + unit).join(", ") || "nothing yet"));
}
function nearest(share, span) {
    const at = history[0].at + share * span;
    return history.reduce((best, point, index) => Math.abs(point.at - at) < Math.abs(history[best].at - at) ? index : best, 0);
}
for (const svg of document.querySelectorAll("svg.chart")) {
    svg.addEventListener("pointermove", event => {
        const box = svg.getBoundingClientRect();
        hovered = {id: svg.id, share: Math.min(1, Math.max(0, (event.clientX - box.left - LEFT) / (box.width - LEFT - 4)))};
        show();
    });
    svg.addEventListener("pointerleave", () => { hovered = null; show(); });
}

function showBatches(m) {
    const last = of(history[history.length - 1]).batches, first = of(history[0])?.batches ?? {};
    const size = m.batch_size, runs = Array.from({length: size}, (_, i) => since(() => 0) + (last[i + 1] ?? 0) - (history.length > 1 ? first[i + 1] ?? 0 : 0));
    const all = runs.reduce((sum, n) => sum + n, 0), shares = runs.map(n => all ? 100 * n / all : 0);
    const box = frame("batches", nice(Math.max(...shares, 50)), b => runs.map((_, i) => i)
        .filter(i => size <= 16 || i === 0 || (i + 1) % Math.ceil(size / 8) === 0)
        .map(i => [b.left + b.width * (i + .5) / size, "middle", i + 1]));
    const wide = Math.min(box.width / size * .7, 60);
    shares.forEach((share, i) => {
        if (share > 0) box.svg.append(shape("rect", {x: box.left + box.width * (i + .5) / size - wide / 2, y: box.y(share), width: wide,
            height: box.top + box.height - box.y(share), rx: 2}));
    });
    const mean = all ? runs.reduce((sum, n, i) => sum + n * (i + 1), 0) / all : NaN;
    legend(box.svg.parentElement, [{name: "runs", style: "sa", text: number(all)}, {name: "requests a run", style: "", text: number(mean)}]);
    box.svg.setAttribute("aria-label", "Batch sizes: " + (shares.map((s, i) => s >= 1 ? `${i + 1}: ${number(s)} %` : "").filter(Boolean).join(", ") || "nothing ran"));
}

// ---- tiles ----

function tile(name, value, unit, more, style = "") {
    return element("div", {className: "card tile"}, element("dt", {textContent: name}),
        element("dd", {}, element("div", {className: "value " + style}, value, " ", element("small", {textContent: unit})),
            element("div", {className: "more", textContent: more})));
}
function showTiles(m) {
    const asked = since(x => x.ok) + LOSSES.reduce((sum, key) => sum + since(x => x[key]), 0);
    const p95 = m.latency_ms.p95, met = known(p95) ? p95 <= m.p95_sla_ms : null;
    const devices = [...new Map(m.instances.filter(i => i.device_memory_total_bytes).map(i => [i.device, i])).values()];
    const open = m.instances.filter(i => i.breaker !== "closed").length;
    $("tiles").replaceChildren(
        tile(`P95, last ${duration(m.window_s)}`, number(p95), "ms", `${met === null ? "promised" : met ? "✓ kept" : "✗ broken"}: at most ${number(m.p95_sla_ms)} ms`,
            met === null ? "" : met ? "good" : "bad"),
        tile("Within the promise", asked > 0 ? percent(since(x => x.within_sla) / asked) : "–", "", asked > 0 ? `of ${number(asked)} since opened` : "nobody asks"),
        tile("Answered", number(rate(history.length - 1, x => x.ok)), "/s", `asked for: ${number(rate(history.length - 1, x => x.submitted))}/s`),
        tile("Headroom", percent(m.headroom), "", known(m.capacity_rps) ? `of ${number(m.capacity_rps)} requests/s` : "the capacity is not known",
            known(m.headroom) && m.headroom < .1 ? "bad" : ""),
        tile("Queue", number(m.queue_size), "", `of ${m.queue_limit}; ${m.in_flight} in flight`),
        tile("Batch, on average", number(m.mean_batch_size), "", `of at most ${m.batch_size}`),
        tile("Instances busy", percent(m.utilisation), "", open ? `✗ breaker open: ${open} of ${m.instances.length}` : `${m.instances.length} on ${m.instances[0]?.device}`, open ? "bad" : ""),
        devices.length ? tile("GPU memory", bytes(devices[0].device_memory_bytes), "", `of ${bytes(devices[0].device_memory_total_bytes)}`)
            : tile("Memory", bytes(m.process_memory_bytes), "", `of ${bytes(status.server.memory_limit_bytes)}`));
}

// ---- why ----

const PARTS = {queue: ["waiting in the queue", "fb"], prepare: ["preparing", "fc"], run: ["running", "fa"], deliver: ["delivering", "fd"]};
async function explain() {
    try {
        const answer = await ask("explain", "figures", {signal: AbortSignal.timeout(5000)});
        if (!answer.ok) return;
        const found = (await answer.json()).models.find(m => m.model === model);
        const load = found?.loads[0], parts = load?.parts.filter(p => PARTS[p.part ?? p.name] && p.mean_ms > 0) ?? [];
        const all = parts.reduce((sum, p) => sum + p.mean_ms, 0), name = p => PARTS[p.part ?? p.name];
        $("parts").replaceChildren(...parts.map(p => {
            const part = element("div", {className: name(p)[1], title: `${name(p)[0]}: ${number(p.mean_ms)} ms`});
            part.style.flexGrow = p.mean_ms / all;
            return part;
        }));
        $("parts").setAttribute("aria-label", "Where the time goes: " + (parts.map(p => `${name(p)[0]} ${number(p.mean_ms)} ms`).join(", ") || "nothing ran"));
        $("parts-legend").replaceChildren(...parts.map(p => element("span", {}, element("span", {className: name(p)[1]}, element("i", {className: "box"})),
            name(p)[0] + " ", element("b", {textContent: number(p.mean_ms) + " ms"}))));
        $("why").textContent = load?.why ? load.why[0].toUpperCase() + load.why.slice(1) + "." : "Nothing was answered lately.";
        $("batching").textContent = load && found.why ? found.why[0].toUpperCase() + found.why.slice(1) + "." : "";
    } catch { /* the state tells of it */ }
}

// ---- all of it ----

/* Those alike as one, by the latest. */
function alike(errors) {
    const found = new Map();
    for (const error of errors) {
        const key = [error.code, error.path, error.message].join(" ");
        const first = found.get(key) ?? found.set(key, {...error, count: 0}).get(key);
        first.count++;
    }
    return [...found.values()];
}
function showErrors() {
    const errors = alike(status.errors);
    $("no-errors").hidden = errors.length > 0;
    $("errors").hidden = errors.length === 0;
    $("errors").tBodies[0].replaceChildren(...errors.slice(0, 8).map(error => element("tr", {},
        element("td", {textContent: duration(Math.max(0, status.server.now_s - error.at_s)) + " ago"}), element("td", {textContent: error.code}),
        element("td", {textContent: error.path}),
        element("td", {textContent: error.message + (error.count > 1 ? ` (${error.count} times)` : "")}))));
}
function showModels(names) {
    if ([...$("models").children].map(b => b.textContent).join() !== names.join())
        $("models").replaceChildren(...(names.length > 1 ? names : []).map(name => {
            const button = element("button", {textContent: name, type: "button"});
            button.addEventListener("click", () => { model = name; explain(); show(); });
            return button;
        }));
    for (const button of $("models").children) button.setAttribute("aria-pressed", button.textContent === model);
}
function show() {
    if (!status) return;
    const names = Object.keys(status.models);
    if (!names.includes(model)) model = names[0] ?? null;
    showModels(names);
    showErrors();
    const m = status.models[model];
    $("about").textContent = `${m && names.length === 1 ? model + ", " : ""}version ${status.server.version}` + (m ? `, up ${duration(m.uptime_s)}` : "");
    if (!m) return;
    showTiles(m);
    chart("latency", "Latency", "ms", [
        {name: "P50", style: "sb", values: line(x => x.latency_ms.p50)},
        {name: "P95", style: "sa", values: line(x => x.latency_ms.p95)},
        {name: "SLA", style: "sx", dashed: true, values: line(x => x.p95_sla_ms)}]);
    const lost = line((x, i) => rate(i, y => LOSSES.reduce((sum, key) => sum + y[key], 0)));
    chart("rates", "Requests a second", "a second", [
        {name: "asked", style: "sb", values: line((x, i) => rate(i, y => y.submitted))},
        {name: "answered", style: "sa", values: line((x, i) => rate(i, y => y.ok))},
        ...(lost.some(n => n > 0) ? [{name: "lost", style: "sx", values: lost}] : []),
        {name: "capacity", style: "sd", dashed: true, values: line(x => x.capacity_rps)}]);
    chart("queue", "Queue", "requests", [
        {name: "waiting", style: "sa", values: line(x => x.queue_size)},
        {name: "in flight", style: "sb", values: line(x => x.in_flight)}]);
    showBatches(m);
    const devices = [...new Set(m.instances.filter(i => i.device_memory_total_bytes).map(i => i.device))];
    chart("memory", "Memory", "MiB", [
        {name: "process", style: "sa", values: line(x => x.process_memory_bytes / 2 ** 20)},
        ...devices.map((device, i) => ({name: device, style: ["sb", "sc", "sd"][i % 3],
            values: line(x => x.instances.find(y => y.device === device)?.device_memory_bytes / 2 ** 20)}))]);
}
new ResizeObserver(show).observe($("figures"));

// ---- try it ----

let chosen = null, shownUrl = null;
function tell(text, bad = false) {
    $("told").textContent = text;
    $("told").className = bad ? "bad" : "quiet";
}
/* Names and colours of a model's classes; none of one that gives a mask. */
async function classesOf(name) {
    const answer = await ask(`v2/models/${encodeURIComponent(name)}`, "inference");
    if (!answer.ok) return []; // what is asked for next says why
    return (await answer.json()).parameters.classes ?? [];
}
/* The binary tensor extension: JSON, then the file behind its length. */
async function bodyOf(file, classes) {
    const contents = new Uint8Array(await file.arrayBuffer()), binary = new Uint8Array(4 + contents.length);
    new DataView(binary.buffer).setUint32(0, contents.length, true);
    binary.set(contents, 4);
    const header = new TextEncoder().encode(JSON.stringify({
        inputs: [{name: "image", datatype: "BYTES", shape: [1], parameters: {binary_data_size: binary.length}}],
        outputs: [{name: "polygons"}, ...(classes.length ? [{name: "labels", parameters: {binary_data: true}}] : [])], parameters: {threshold: Number($("threshold").value)}}));
    return [new Blob([header, binary]), header.length];
}
/* The JSON of an answer, and the labels behind it, if any. */
async function read(answer) {
    const bytes = await answer.arrayBuffer(), length = Number(answer.headers.get("Inference-Header-Content-Length") ?? bytes.byteLength);
    return [JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 0, length))), new Uint8Array(bytes, length)];
}
async function segment(file) {
    chosen = file;
    $("again").disabled = false;
    if (!model) return tell("No model is ready yet.", true);
    if (!status.server.polygons) return tell("Polygons cannot be found here: libbatchtune_contours.so is not there.", true);
    tell("Sent …");
    try {
        const classes = await classesOf(model), [body, length] = await bodyOf(file, classes), began = performance.now();
        const answer = await ask(`v2/models/${encodeURIComponent(model)}/infer`, "inference",
            {method: "POST", body, headers: {"Inference-Header-Content-Length": String(length)}});
        const [result, labels] = await read(answer);
        $("try-unlock").hidden = answer.status !== 401;
        if (answer.status === 401) return tell(keyOf("inference") ? "That key does not open it." : "This server wants a key for that.", true);
        if (!answer.ok) return tell(result.error, true);
        const found = JSON.parse(result.outputs[0].data[0]), wall = performance.now() - began;
        await showRegions(file, found, result.parameters, wall, classes);
        showClasses(found, labels, classes);
    } catch (error) {
        tell("No answer: " + error.message, true);
    }
}
const ring = points => "M" + points.map(p => (p[0] + .5) + " " + (p[1] + .5)).join("L") + "Z";
async function showRegions(file, found, served, wall, classes) {
    if (shownUrl) URL.revokeObjectURL(shownUrl);
    shownUrl = URL.createObjectURL(file);
    $("image").src = shownUrl;
    $("image").alt = "The picture " + (file.name ?? "");
    $("picture").hidden = false;
    const drawn = await $("image").decode().then(() => true, () => false);
    if (!drawn) $("image").src = blank(found.width, found.height);
    $("regions").setAttribute("viewBox", `0 0 ${found.width} ${found.height}`);
    $("regions").replaceChildren(...found.polygons.map(polygon => {
        const path = shape("path", {d: ring(polygon.points) + (polygon.holes ?? []).map(ring).join(""), "fill-rule": "evenodd"});
        const title = shape("title", {});
        const kind = classes[polygon.class_number]; // of one mask, none
        if (kind) path.style.stroke = kind.color;
        title.textContent = `${kind ? kind.name + ", " : ""}${number(polygon.area)} px, confidence ${percent(polygon.confidence)}`;
        path.append(title);
        return path;
    }));
    $("regions").setAttribute("aria-label", found.polygons.length + " regions, outlined");
    $("save").href = URL.createObjectURL(new Blob([JSON.stringify(found)], {type: "application/json"}));
    $("save").hidden = false;
    tell(`${found.polygons.length} region${found.polygons.length === 1 ? "" : "s"} in ${number(wall)} ms: ${number(served.queue_ms)} waiting, ` +
        `${number(served.preprocess_ms)} preparing, ${number(served.service_ms)} running in a batch of ${served.batch_size}` +
        (served.inference_mode === "standard_fallback" ? ", on the standard path" : "") + (drawn ? "." : ". The browser cannot show this kind of picture."));
}
/* Each pixel in its class's colour, under the outlines. What is black, as the first class is unless the model says otherwise,
 * lets the picture through. */
function showClasses(found, labels, classes) {
    const shares = classes.map(() => 0);
    $("regions").classList.toggle("classes", classes.length > 0);
    if (classes.length) {
        const [canvas, pen] = canvasOf(found.width, found.height), drawn = pen.createImageData(found.width, found.height);
        const colours = classes.map(c => [1, 3, 5].map(at => parseInt(c.color.slice(at, at + 2), 16)));
        labels.forEach((label, i) => {
            if (!classes[label]) return; // in none
            shares[label] += 1 / labels.length;
            drawn.data.set([...colours[label], colours[label].some(Boolean) ? 150 : 0], 4 * i);
        });
        pen.putImageData(drawn, 0, 0);
        $("regions").prepend(shape("image", {href: canvas.toDataURL(), width: found.width, height: found.height}));
    }
    $("classes").replaceChildren(...classes.map((c, i) => {
        const mark = element("i", {className: "box"});
        mark.style.background = c.color;
        return element("span", {}, mark, c.name + " ", element("b", {textContent: percent(shares[i])}));
    }));
}
function canvasOf(width, height) {
    const canvas = element("canvas", {width, height});
    return [canvas, canvas.getContext("2d")];
}
const blank = (width, height) => canvasOf(width, height)[0].toDataURL();
/* Spheroids as a microscope sees them: dark, round, blurred, on light ground. */
function draw() {
    const side = 384, [canvas, pen] = canvasOf(side, side);
    pen.fillStyle = "#b9bdb7";
    pen.fillRect(0, 0, side, side);
    for (let i = 0; i < 9; i++) {
        const x = side * (.18 + .32 * (i % 3)) + 30 * (Math.random() - .5), y = side * (.18 + .32 * Math.floor(i / 3)) + 30 * (Math.random() - .5);
        const radius = 22 + 26 * Math.random(), fill = pen.createRadialGradient(x, y, 0, x, y, radius);
        fill.addColorStop(0, "rgba(46, 44, 42, .95)");
        fill.addColorStop(.75, "rgba(70, 68, 64, .9)");
        fill.addColorStop(1, "rgba(120, 120, 114, 0)");
        pen.fillStyle = fill;
        pen.beginPath();
        pen.ellipse(x, y, radius, radius * (.8 + .4 * Math.random()), Math.random() * 3, 0, 7);
        pen.fill();
    }
    canvas.toBlob(segment, "image/png");
}
$("file").addEventListener("change", () => $("file").files[0] && segment($("file").files[0]));
$("draw").addEventListener("click", draw);
$("again").addEventListener("click", () => segment(chosen));
$("threshold").addEventListener("input", () => { $("threshold-value").textContent = $("threshold").value; });
$("threshold").addEventListener("change", () => chosen && segment(chosen));
for (const kind of ["dragover", "dragleave", "drop"])
    document.addEventListener(kind, event => {
        event.preventDefault();
        $("drop").classList.toggle("over", kind === "dragover");
        if (kind === "drop" && event.dataTransfer.files[0]) segment(event.dataTransfer.files[0]);
    });
$("unlock").addEventListener("submit", event => {
    event.preventDefault();
    keepKey("figures", $("key").value);
    poll();
});
$("try-unlock").addEventListener("submit", event => {
    event.preventDefault();
    keepKey("inference", $("try-key").value);
    segment(chosen);
});
tick().then(() => { if (location.hash === "#try") draw(); });
