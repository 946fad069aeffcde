// The viewer of predictions: Deep Zoom tiles by OpenSeadragon, shapes and density on a canvas above.
// Everything comes from files beside the page, by <script> and <img>, so that file:// will do.
"use strict";

const element = (id) => document.getElementById(id);
const GRID = 160; // cells along the longer side of the density map
const BLUR = 2; // radius of a pass of the blur, in cells; three passes are close to a Gaussian
const SMALLEST = 2; // pixels on the screen that a box takes at least
const RAMP = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];
const TRUTH = getComputedStyle(document.documentElement).getPropertyValue("--truth");

const viewer = OpenSeadragon({
  id: "view", drawer: "canvas", showNavigationControl: false, showNavigator: true,
  navigatorPosition: "BOTTOM_RIGHT", navigatorOpacity: 1, navigatorBackground: "#0d1116", maxZoomPixelRatio: 8, animationTime: 0.4,
  gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
});
const canvas = document.createElement("canvas");
canvas.className = "drawn";
viewer.canvas.appendChild(canvas);

const probe = document.createElement("canvas").getContext("2d"); // in pixels of the scene
let scene = null; // as its file gives it
let shown = []; // indices of the boxes that pass the filters
let heat = null; // the density map of these, a canvas

const colour = (label) => `hsl(${(38 + label * 137.508) % 360} 95% 58%)`;

function open(key) {
  const script = document.createElement("script");
  script.src = `scenes/${key}/boxes.js`;
  script.onload = () => script.remove();
  document.head.appendChild(script);
}

// Called by the file of each scene.
function showScene(loaded) {
  scene = loaded;
  viewer.open({ Image: {
    xmlns: "http://schemas.microsoft.com/deepzoom/2008", Format: "jpg",
    Url: `scenes/${scene.key}/tiles_files/`, TileSize: scene.tileSize, Overlap: scene.overlap,
    Size: { Width: scene.width, Height: scene.height },
  } });
  const megapixels = (scene.width * scene.height / 1e6).toFixed(1);
  element("facts").textContent = `${scene.width.toLocaleString("en")} × ` +
    `${scene.height.toLocaleString("en")} pixels (${megapixels} MP), model version ${scene.model}`;
  for (const named of document.querySelectorAll(".noun")) named.textContent = scene.noun;
  for (const name of ["pointing", "boxes-label", "density-label"])
    element(name).hidden = scene.kind === "classify"; // which has no place
  element("truth-label").hidden = !scene.truth || scene.kind === "classify";
  if (scene.kind === "classify") element("facts").textContent += classified();
  const lowest = scene.scores.reduce((least, score) => Math.min(least, score), 1);
  element("score").min = element("score").value = Math.floor(100 * lowest) / 100;
  listClasses();
  filter();
}

// The classes of the whole scene with their scores, the best first, and the true one.
function classified() {
  const found = scene.classes.map((label, index) =>
    `${scene.labels[label]} ${scene.scores[index].toFixed(2)}`);
  const truth = scene.truthLabels.length ? `; true class: ${scene.truthLabels.join(", ")}` : "";
  return `; classes: ${found.join(", ") || "none"}${truth}`;
}

function listClasses() {
  const counts = scene.labels.map(() => 0);
  for (const label of scene.classes) counts[label] += 1;
  element("classes").replaceChildren(...scene.labels.map((name, label) => {
    const line = document.createElement("label"), box = document.createElement("input");
    const sign = document.createElement("i"), count = document.createElement("span");
    Object.assign(box, { type: "checkbox", checked: true, value: label, onchange: filter });
    sign.style.borderColor = colour(label);
    count.textContent = counts[label].toLocaleString("en");
    line.append(box, sign, name, count);
    line.hidden = !counts[label];
    if (line.hidden) line.style.display = "none";
    return line;
  }));
}

function filter() {
  const from = Number(element("score").value);
  const wanted = new Set([...element("classes").querySelectorAll("input:checked")]
    .map((box) => Number(box.value)));
  shown = [];
  scene.classes.forEach((label, index) => {
    if (scene.scores[index] >= from && wanted.has(label)) shown.push(index);
  });
  element("score-shown").textContent = from.toFixed(2);
  element("shown").textContent = shown.length.toLocaleString("en");
  heat = null;
  draw();
}

// Where the scene lies on the screen now: its origin and the size of one of its pixels.
function placement() {
  const origin = viewer.viewport.pixelFromPoint(new OpenSeadragon.Point(0, 0), true);
  const right = viewer.viewport.pixelFromPoint(new OpenSeadragon.Point(1, 0), true);
  return { x: origin.x, y: origin.y, scale: (right.x - origin.x) / scene.width };
}

function draw() {
  const { clientWidth: width, clientHeight: height } = viewer.canvas;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  if (!scene || !viewer.isOpen()) return;
  const brush = canvas.getContext("2d"), at = placement();
  brush.scale(ratio, ratio);
  if (element("density").checked) {
    heat = heat || density();
    brush.imageSmoothingQuality = "high";
    brush.drawImage(heat, at.x, at.y, scene.width * at.scale, scene.height * at.scale);
  }
  if (element("truth").checked && scene.truth) {
    brush.setLineDash([5, 3]);
    const every = scene.truth.map((_, index) => index);
    outline(brush, scene.truth, scene.truthOutlines, every, TRUTH, at, width, height, 3);
    brush.setLineDash([]);
  }
  if (!element("boxes").checked) return;
  if (element("density").checked && at.scale < 0.25) brush.globalAlpha = 0.25;
  const byLabel = scene.labels.map(() => []);
  for (const index of shown) byLabel[scene.classes[index]].push(index);
  byLabel.forEach((indices, label) =>
    outline(brush, scene.boxes, scene.outlines, indices, colour(label), at, width, height, 1.75));
}

function outline(brush, boxes, outlines, indices, ink, at, width, height, line) {
  if (scene.kind === "classify") return; // a class of the whole scene has no place: see the facts
  brush.beginPath();
  for (const index of indices) {
    const [x1, y1, x2, y2] = boxes[index];
    const left = at.x + x1 * at.scale, top = at.y + y1 * at.scale;
    const wide = Math.max((x2 - x1) * at.scale, SMALLEST);
    const high = Math.max((y2 - y1) * at.scale, SMALLEST);
    if (left > width || top > height || left + wide < 0 || top + high < 0) continue;
    if (outlines && Math.max(wide, high) > SMALLEST) trace(brush, outlines[index], at);
    else brush.rect(left, top, wide, high);
  }
  brush.lineWidth = Math.min(line, Math.max(0.75, 6 * line * at.scale));
  brush.strokeStyle = ink;
  brush.stroke();
}

// The rings of a shape as a path, on the screen or, by default, in pixels of the scene.
function trace(brush, rings, at = { x: 0, y: 0, scale: 1 }) {
  for (const ring of rings) {
    brush.moveTo(at.x + ring[0] * at.scale, at.y + ring[1] * at.scale);
    for (let place = 2; place < ring.length; place += 2) {
      brush.lineTo(at.x + ring[place] * at.scale, at.y + ring[place + 1] * at.scale);
    }
    brush.closePath();
  }
}

// Whether a point lies in a shape with an outline, holes left out.
function isInside(index, x, y) {
  const path = new Path2D();
  trace(path, scene.outlines[index]);
  return probe.isPointInPath(path, x, y, "evenodd");
}

// Box centres a cell, blurred, as a picture that is clear where there are none.
function density() {
  const cell = Math.max(scene.width, scene.height) / GRID;
  const columns = Math.ceil(scene.width / cell), rows = Math.ceil(scene.height / cell);
  let counts = new Float32Array(columns * rows);
  for (const index of shown) {
    const [x1, y1, x2, y2] = scene.boxes[index];
    const column = Math.min(columns - 1, Math.floor((x1 + x2) / 2 / cell));
    counts[Math.min(rows - 1, Math.floor((y1 + y2) / 2 / cell)) * columns + column] += 1;
  }
  for (let pass = 0; pass < 3; pass += 1) {
    counts = blurred(blurred(counts, columns, rows, 1, columns), rows, columns, columns, 1);
  }
  const picture = document.createElement("canvas");
  picture.width = columns;
  picture.height = rows;
  const brush = picture.getContext("2d"), pixels = brush.createImageData(columns, rows);
  const most = counts.reduce((largest, count) => Math.max(largest, count), 1e-9);
  counts.forEach((count, index) => {
    const share = Math.sqrt(count / most); // so that single ships are seen beside marinas
    pixels.data.set([...ramp(share), Math.min(1, 1.6 * share) * 190], 4 * index);
  });
  brush.putImageData(pixels, 0, 0);
  return picture;
}

function blurred(counts, length, lines, step, stride) {
  const result = new Float32Array(counts.length);
  for (let line = 0; line < lines; line += 1) {
    for (let place = 0; place < length; place += 1) {
      let sum = 0;
      for (let near = Math.max(0, place - BLUR); near <= Math.min(length - 1, place + BLUR); near += 1) {
        sum += counts[line * stride + near * step];
      }
      result[line * stride + place * step] = sum / (2 * BLUR + 1);
    }
  }
  return result;
}

function ramp(share) {
  const place = share * (RAMP.length - 1), below = Math.min(Math.floor(place), RAMP.length - 2);
  return RAMP[below].map((from, band) => from + (place - below) * (RAMP[below + 1][band] - from));
}

function point(event) {
  const bounds = viewer.canvas.getBoundingClientRect();
  const screen = { x: event.clientX - bounds.left, y: event.clientY - bounds.top };
  if (!scene || !viewer.isOpen()) return;
  const at = placement(), x = (screen.x - at.x) / at.scale, y = (screen.y - at.y) / at.scale;
  const inside = x >= 0 && y >= 0 && x < scene.width && y < scene.height;
  element("place").textContent = inside ? `x ${Math.floor(x)}, y ${Math.floor(y)}` : "";
  tell(smallestAt(x, y, 2 / at.scale), screen);
}

function smallestAt(x, y, slack) {
  let best = -1, least = Infinity;
  if (scene.kind === "classify") return best;
  for (const index of element("boxes").checked ? shown : []) {
    const [x1, y1, x2, y2] = scene.boxes[index], area = (x2 - x1) * (y2 - y1);
    const near = x >= x1 - slack && x <= x2 + slack && y >= y1 - slack && y <= y2 + slack;
    if (!near || area >= least) continue;
    const tiny = Math.max(x2 - x1, y2 - y1) < 4 * slack;
    if (!scene.outlines || tiny || isInside(index, x, y)) [best, least] = [index, area];
  }
  return best;
}

function tell(index, screen) {
  const about = element("about");
  about.hidden = index < 0;
  if (index < 0) return;
  const [x1, y1, x2, y2] = scene.boxes[index];
  about.textContent = `${scene.labels[scene.classes[index]]} ${scene.scores[index].toFixed(2)}, ` +
    `${(x2 - x1).toFixed(0)} × ${(y2 - y1).toFixed(0)} pixels` +
    (scene.atEdge[index] ? ", at the edge of an area without data" : "");
  about.style.left = `${Math.min(screen.x + 14, viewer.canvas.clientWidth - about.offsetWidth - 4)}px`;
  about.style.top = `${screen.y + 14}px`;
}

for (const known of SCENES) {
  element("scenes").add(new Option(`${known.id} (${known.boxes.toLocaleString("en")})`, known.key));
}
element("scenes").onchange = (event) => open(event.target.value);
element("score").oninput = filter;
for (const id of ["boxes", "truth", "density"]) element(id).onchange = draw;
element("density").addEventListener("change", (event) => { element("ramp").hidden = !event.target.checked; });
element("ramp").querySelector("b").style.background =
  `linear-gradient(90deg, ${RAMP.map((part) => `rgb(${part})`).join(",")})`;
element("in").onclick = () => viewer.viewport.zoomBy(2).applyConstraints();
element("out").onclick = () => viewer.viewport.zoomBy(0.5).applyConstraints();
element("home").onclick = () => viewer.viewport.goHome();
viewer.canvas.addEventListener("pointermove", point);
viewer.canvas.addEventListener("pointerleave", () => { element("about").hidden = true; });
for (const change of ["open", "update-viewport", "resize"]) viewer.addHandler(change, draw);
if (SCENES.length) open(SCENES[0].key);
else element("facts").textContent = "No scene was prepared for viewing.";
