"use strict";
// What is shown, and what a click changes. Texts come from strangers: they go into the page as text, never as markup.
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const canvas = byId("canvas");
  const STEP = 900; // milliseconds that a conformer is shown while playing
  const COLUMNS = [
    [null, "label", ""],
    ["energy", "energy", "number", 2],
    ["relative", "relative", "number", 2],
    ["weight", "weight", "number", 3],
    ["RMSD", "rmsd", "number", 2],
    ["provenance", "provenance", ""],
    ["stereo", "stereo", ""],
  ];
  const TITLES = {
    energy: "kcal/mol",
    relative: "kcal/mol above the lowest",
    weight: `Boltzmann population at ${data.temperature} K, of all conformers`,
    RMSD: "to the first of the table: heavy atoms, over symmetry, angstrom",
    stereo: "what the coordinates show; atoms are numbered from 0",
  };
  let molecule, chosen, timer = null, viewer = null;
  let turn = [1, 0, 0, 0, 1, 0, 0, 0, 1], zoom = 1;

  const element = (name, text, kind) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  const figure = (value, digits) => (value === null ? "" : value.toFixed(digits));

  function open(number) {
    stop();
    molecule = data.molecules[number];
    byId("notes").replaceChildren(...[...data.notes, ...molecule.notes].map((note) => element("li", note)));
    byId("head").replaceChildren(...COLUMNS.map(([title]) => {
      const cell = element("th", title ?? molecule.counted);
      cell.title = TITLES[title] ?? "";
      return cell;
    }));
    byId("rows").replaceChildren(...molecule.conformers.map(row));
    byId("bar").style.background = `linear-gradient(to right, ${molecule.colours.join(", ")})`;
    byId("top").textContent = molecule.top;
    byId("scale").hidden = !molecule.method;
    byId("wheels").replaceChildren(...molecule.torsions.map(wheel));
    if (viewer) viewer.fresh = true;
    select(0);
  }

  // A torsion's angle in each conformer: 0 (syn) is at the top, positive angles are clockwise, 180 (anti) is below.
  const shape = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
    return made;
  };
  function wheel(name, number) {
    const made = element("figure"), picture = shape("svg", { viewBox: "-50 -50 100 100", role: "img" });
    picture.append(shape("circle", { r: 38, fill: "none", stroke: "#dfe2e7", "stroke-width": 2 }));
    for (const tick of [0, 60, 120, 180, 240, 300]) {
      picture.append(shape("line", { y1: -38, y2: -34, stroke: "#7a808a", transform: `rotate(${tick})` }));
    }
    const hand = shape("line", { y1: 0, y2: -30, stroke: "#26292e", "stroke-width": 2.5, class: "hand" });
    picture.append(hand);
    // the highest are painted first, so that what is low is seen
    for (let k = molecule.conformers.length - 1; k >= 0; k -= 1) {
      const dot = shape("circle", {
        cy: -38, r: 5, fill: molecule.conformers[k].colour, "fill-opacity": 0.8, "data-row": k,
        transform: `rotate(${molecule.conformers[k].torsions[number]})`,
      });
      const words = shape("title", {});
      words.textContent = `${molecule.counted} ${molecule.conformers[k].label}`;
      dot.append(words);
      dot.addEventListener("click", () => { stop(); select(k); });
      picture.append(dot);
    }
    const words = element("figcaption", name);
    words.append(element("br"), element("b"));
    made.append(picture, words);
    return made;
  }

  function turnWheels(shown) {
    [...byId("wheels").children].forEach((made, number) => {
      const angle = shown.torsions[number];
      made.querySelector(".hand").setAttribute("transform", `rotate(${angle})`);
      made.querySelector("b").textContent = `${Math.round(angle)}\u00b0`;
      made.querySelector("svg").setAttribute("aria-label", `torsion ${molecule.torsions[number]}: ${angle} degrees`);
    });
  }

  function row(conformer, k) {
    const made = element("tr");
    made.tabIndex = 0;
    for (const [, field, kind, digits] of COLUMNS) {
      const value = conformer[field];
      const cell = element("td", kind ? figure(value, digits) : value, kind);
      if (field === "label") {
        const swatch = element("span", "", "swatch");
        swatch.style.background = conformer.colour;
        cell.prepend(swatch);
      }
      made.append(cell);
    }
    made.addEventListener("click", () => { stop(); select(k); });
    made.addEventListener("keydown", (event) => {
      const next = { Enter: k, " ": k, ArrowDown: k + 1, ArrowUp: k - 1 }[event.key];
      if (next === undefined || !molecule.conformers[next]) return;
      event.preventDefault();
      stop();
      select(next);
      byId("rows").rows[next].focus();
    });
    return made;
  }

  function select(k) {
    chosen = k;
    [...byId("rows").rows].forEach((made, place) => made.setAttribute("aria-selected", String(place === k)));
    const shown = molecule.conformers[k], words = [`${molecule.counted} ${shown.label}`];
    if (shown.relative !== null) words.push(`${figure(shown.relative, 2)} kcal/mol by ${molecule.method}`);
    words.push(`${k + 1} of ${molecule.conformers.length}`);
    byId("caption").textContent = words.join(" \u00b7 ");
    turnWheels(shown);
    draw();
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    byId("play").textContent = "Play";
  }
  byId("play").addEventListener("click", () => {
    if (timer !== null) return stop();
    byId("play").textContent = "Stop";
    timer = setInterval(() => select((chosen + 1) % molecule.conformers.length), STEP);
  });
  byId("overlay").addEventListener("change", () => draw());
  byId("hydrogens").addEventListener("change", () => draw());

  function save(conformers) {
    const address = URL.createObjectURL(new Blob(conformers.map((c) => c.sdf), { type: "chemical/x-mdl-sdfile" }));
    const link = element("a");
    link.href = address;
    link.download = "conformers.sdf";
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  }
  byId("save-one").addEventListener("click", () => save([molecule.conformers[chosen]]));
  byId("save-all").addEventListener("click", () => save(molecule.conformers));

  // Atoms and bonds that are drawn, and the conformers: the chosen one last, so that it lies over the others.
  const drawn = (atom) => byId("hydrogens").checked || molecule.elements[atom] !== "H";
  const layers = () => {
    const others = byId("overlay").checked ? molecule.conformers.filter((_, k) => k !== chosen) : [];
    return [...others.map((c) => [c, false]), [molecule.conformers[chosen], true]];
  };
  const colour = (conformer, atom) => molecule.atom_colours[atom] ?? conformer.colour;
  const draw = () => (viewer ? drawIn3Dmol() : drawHere());

  // 3Dmol.js, where there is one.
  function drawIn3Dmol() {
    viewer.removeAllModels();
    for (const [conformer, first] of layers()) {
      const place = [], atoms = [];
      molecule.elements.forEach((elem, i) => {
        if (!drawn(i)) return;
        place[i] = atoms.length;
        const [x, y, z] = conformer.xyz.slice(3 * i, 3 * i + 3);
        atoms.push({ elem, x, y, z, serial: i, index: atoms.length, bonds: [], bondOrder: [], own: colour(conformer, i) });
      });
      for (const [i, j, order] of molecule.bonds) {
        for (const [from, to] of [[i, j], [j, i]]) {
          if (place[from] === undefined || place[to] === undefined) continue;
          atoms[place[from]].bonds.push(place[to]);
          atoms[place[from]].bondOrder.push(order);
        }
      }
      const model = viewer.addModel();
      model.addAtoms(atoms);
      const colorfunc = (atom) => atom.own;
      model.setStyle({}, first ? { stick: { radius: 0.13, colorfunc }, sphere: { scale: 0.22, colorfunc } }
        : { stick: { radius: 0.03, colorfunc } });
    }
    if (viewer.fresh) viewer.zoomTo();
    viewer.fresh = false;
    viewer.render();
  }

  function use3Dmol() {
    try {
      const probe = element("canvas"); // 3Dmol.js itself does not fail where there is no WebGL
      if (!probe.getContext("webgl2") && !probe.getContext("webgl")) throw new Error("no WebGL");
      const box = element("div");
      box.style.cssText = "position: absolute; inset: 0";
      byId("view").append(box);
      viewer = window.$3Dmol.createViewer(box, { backgroundColor: "white" });
      if (!viewer) throw new Error("no viewer");
      viewer.fresh = true;
      draw();
      canvas.style.display = "none";
      byId("drawer").textContent = `Drawn by 3Dmol.js, ${data.drawer}.`;
    } catch (error) {
      viewer = null;
      byId("view").replaceChildren(canvas);
      drawnHere(`3Dmol.js cannot draw in this browser (${error.message})`);
      draw();
    }
  }

  // Without it: sticks on a canvas, what is nearer over what is further.
  function drawHere() {
    const pixels = window.devicePixelRatio || 1;
    canvas.width = Math.max(1, canvas.clientWidth * pixels);
    canvas.height = Math.max(1, canvas.clientHeight * pixels);
    const pen = canvas.getContext("2d");
    const scale = (zoom * Math.min(canvas.width, canvas.height)) / (2 * molecule.radius);
    const parts = [];
    for (const [conformer, first] of layers()) {
      const at = molecule.elements.map((_, i) => {
        const p = conformer.xyz.slice(3 * i, 3 * i + 3);
        return [0, 3, 6].map((r) => turn[r] * p[0] + turn[r + 1] * p[1] + turn[r + 2] * p[2]);
      });
      for (const [i, j, order] of molecule.bonds) {
        if (drawn(i) && drawn(j)) parts.push(...halves(conformer, first, at, i, j, order));
      }
      molecule.elements.forEach((_, i) => {
        if (first && drawn(i)) parts.push({ depth: at[i][2] + 0.01, ball: at[i], paint: colour(conformer, i), first });
      });
    }
    parts.sort((a, b) => a.depth - b.depth);
    const place = (p) => [canvas.width / 2 + scale * p[0], canvas.height / 2 - scale * p[1]];
    pen.lineCap = "round";
    for (const part of parts) {
      pen.globalAlpha = part.first ? Math.min(1, Math.max(0.55, 0.85 + part.depth / (4 * molecule.radius))) : 0.3;
      pen.fillStyle = pen.strokeStyle = part.paint;
      pen.beginPath();
      if (part.ball) {
        pen.arc(...place(part.ball), 0.2 * scale, 0, 2 * Math.PI);
        pen.fill();
      } else {
        pen.lineWidth = part.width * scale;
        pen.moveTo(...place(part.from));
        pen.lineTo(...place(part.to));
        pen.stroke();
      }
    }
    pen.globalAlpha = 1;
  }

  function halves(conformer, first, at, i, j, order) {
    const [a, b] = [at[i], at[j]], length = Math.hypot(b[0] - a[0], b[1] - a[1]) || 1;
    const across = [(a[1] - b[1]) / length, (b[0] - a[0]) / length];
    const count = first ? order : 1, width = first ? 0.2 / count : 0.05, found = [];
    for (let k = 0; k < count; k += 1) {
      const shift = 0.17 * (k - (count - 1) / 2);
      const moved = (p) => [p[0] + shift * across[0], p[1] + shift * across[1], p[2]];
      const middle = moved([0, 1, 2].map((d) => (a[d] + b[d]) / 2));
      for (const [end, atom] of [[a, i], [b, j]]) {
        const from = moved(end), depth = (from[2] + middle[2]) / 2;
        found.push({ depth, from, to: middle, width, paint: colour(conformer, atom), first });
      }
    }
    return found;
  }

  function rotate(right, down) {
    const [cy, sy, cx, sx] = [Math.cos(right), Math.sin(right), Math.cos(down), Math.sin(down)];
    const by = [cy, 0, sy, sx * sy, cx, -sx * cy, -cx * sy, sx, cx * cy];
    turn = turn.map((_, n) => {
      const [r, c] = [3 * Math.floor(n / 3), n % 3];
      return by[r] * turn[c] + by[r + 1] * turn[c + 3] + by[r + 2] * turn[c + 6];
    });
    drawHere();
  }
  canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons) rotate(event.movementX / 120, event.movementY / 120);
  });
  canvas.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
    if (!by) return;
    event.preventDefault();
    rotate(...by);
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom = Math.min(20, Math.max(0.2, zoom * Math.exp(-event.deltaY / 500)));
    drawHere();
  }, { passive: false });
  window.addEventListener("resize", () => (viewer ? viewer.resize() : drawHere()));

  const drawnHere = (why) => {
    byId("drawer").textContent = `Drawn by this page itself (drag to turn, wheel to zoom): ${why}.`;
  };

  byId("molecules").replaceChildren(...data.molecules.map((one) => element("option", one.name)));
  byId("molecules").hidden = data.molecules.length < 2;
  byId("molecules").addEventListener("change", (event) => open(event.target.selectedIndex));
  open(0);
  const source = byId("drawing");
  if (!source) drawnHere("it has no 3Dmol.js");
  else if (window.$3Dmol) use3Dmol();
  else {
    drawnHere(`3Dmol.js, ${data.drawer}, has not come`);
    source.addEventListener("load", use3Dmol);
  }
})();
