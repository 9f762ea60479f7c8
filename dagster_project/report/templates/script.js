// What a page does beyond being read: readings, filters over embedded cubes, CSV, PNG, SQL.
// Everything shown by it also stands in a table, so neither script nor pointer is needed.
(function () {
  "use strict";
  const texts = JSON.parse(document.getElementById("texts").textContent);
  const all = (selector, root) => [...(root || document).querySelectorAll(selector)];

  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  function fill(text, values) {
    return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
  }

  // Readings on demand.
  const tip = document.getElementById("tip");
  let shown = null;

  function hide() {
    if (shown) {
      shown.classList.remove("is-read");
      shown = null;
      tip.hidden = true;
    }
  }

  function show(target, x, y) {
    if (target !== shown) {
      hide();
      shown = target;
      target.classList.add("is-read");
      tip.textContent = target.dataset.tip;
      tip.hidden = false;
    }
    const gap = 14;
    const width = document.documentElement.clientWidth;
    const left = x + gap + tip.offsetWidth > width ? x - gap - tip.offsetWidth : x + gap;
    const top = y - gap - tip.offsetHeight < 0 ? y + gap : y - gap - tip.offsetHeight;
    tip.style.left = Math.max(4, Math.min(left, width - tip.offsetWidth - 4)) + "px";
    tip.style.top = top + "px";
  }

  function follow(event) {
    const target = event.target instanceof Element ? event.target.closest("[data-tip]") : null;
    if (target) {
      show(target, event.clientX, event.clientY);
    } else {
      hide();
    }
  }

  // What does not fit must be scrollable by keyboard, and show that it scrolls; what fits should
  // not cost a stop.
  function reachable(box) {
    const more = box.scrollWidth - box.clientWidth;
    box.tabIndex = more > 1 ? 0 : -1;
    box.classList.toggle("has-left", box.scrollLeft > 1);
    box.classList.toggle("has-right", more - box.scrollLeft > 1);
  }
  const boxes = all(".scroll");
  const watcher = new ResizeObserver((entries) => entries.forEach((e) => reachable(e.target)));
  boxes.forEach((box) => {
    watcher.observe(box);
    box.addEventListener("scroll", () => reachable(box), { passive: true });
  });

  document.addEventListener("pointermove", follow, { passive: true });
  document.addEventListener("pointerdown", follow, { passive: true });
  document.addEventListener("scroll", hide, { passive: true, capture: true });
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());

  // Numbers as the page writes them.
  const numbers = {};
  function number(value, least, most) {
    const key = least + "/" + most;
    numbers[key] = numbers[key] || new Intl.NumberFormat(texts.language, {
      minimumFractionDigits: least, maximumFractionDigits: most,
    });
    return numbers[key].format(value).replace("-", texts.minus);
  }
  const compact = new Intl.NumberFormat(texts.numbers, {
    notation: "compact", maximumSignificantDigits: 3,
  });
  function around(text) {
    const minus = text.startsWith(texts.minus) ? texts.minus : "";
    return minus + texts.money[0] + text.slice(minus.length) + texts.money[1];
  }
  const shares = [0, 1].map((places) => new Intl.NumberFormat(texts.language, {
    style: "percent", minimumFractionDigits: places, maximumFractionDigits: places,
  }));
  function written(kind, value) {
    if (value === null) return texts.none;
    if (kind === "money") return around(number(Math.round(value), 0, 0));
    if (kind === "cents") return around(number(value, 2, 2));
    if (kind === "percent") return shares[1].format(value).replace("-", texts.minus);
    if (kind === "decimal") return number(value, 2, 2);
    if (kind === "duration") {
      const whole = Math.round(value);
      if (whole < 60) return fill(texts.seconds, { seconds: whole });
      return fill(texts.minutes, {
        minutes: number(Math.floor(whole / 60), 0, 0), seconds: String(whole % 60).padStart(2, "0"),
      });
    }
    return number(value, 0, 0);
  }
  function onAxis(kind, value) {
    if (kind === "percent") {
      return new Intl.NumberFormat(texts.language, {
        style: "percent", maximumSignificantDigits: 3,
      }).format(value);
    }
    const text = compact.format(value).replace("-", texts.minus);
    return kind === "money" || kind === "cents" ? around(text) : text;
  }
  const local = (iso) => new Date(iso + "T00:00:00");
  const monthFormat = (options) => {
    const format = new Intl.DateTimeFormat(texts.language, options);
    return (iso) => format.format(local(iso));
  };
  const monthName = monthFormat({ month: "long", year: "numeric" });
  const monthShort = monthFormat({ month: "short", year: "numeric" });
  const monthOnly = monthFormat({ month: "short" });

  // Filters.
  const cubes = {};
  all("script[data-cube]").forEach((script) => {
    cubes[script.dataset.cube] = JSON.parse(script.textContent);
  });
  const pivots = all("[data-pivot]").map((element) => ({
    element, ...JSON.parse(element.dataset.pivot), original: element.innerHTML,
  }));
  const chosen = { from: "", to: "", values: {} };

  function sums(pivot) {
    const cube = cubes[pivot.cube];
    const first = chosen.from || (chosen.to ? cube.months[0] : pivot.first);
    const last = chosen.to || (chosen.from ? cube.months[cube.months.length - 1] : pivot.last);
    const place = pivot.by === "month" ? 0
      : 1 + cube.dimensions.findIndex((dimension) => dimension.name === pivot.by);
    const wanted = cube.dimensions.map((dimension) => chosen.values[dimension.name] ?? "");
    const months = cube.months.filter((month) => month >= first && month <= last);
    const found = new Map();
    const skip = 1 + cube.dimensions.length;
    for (const row of cube.rows) {
      const month = cube.months[row[0]];
      if (month < first || month > last) continue;
      if (wanted.some((label, i) => label !== "" &&
          cube.dimensions[i].values[row[i + 1]] !== label)) continue;
      const key = row[place];
      let line = found.get(key);
      if (!line) found.set(key, (line = cube.measures.map(() => 0)));
      cube.measures.forEach((_, i) => { line[i] += row[skip + i]; });
    }
    const index = Object.fromEntries(cube.measures.map((name, i) => [name, i]));
    const value = (line, measure) => {
      const top = line ? line[index[measure.of]] : 0;
      if (measure.skipZero && !top) return null;
      if (!measure.over) return Math.round(top * 1e6) / 1e6;
      const below = line ? line[index[measure.over]] : 0;
      return below ? top / below : null;
    };
    return { cube, found, months, value };
  }

  function cell(kind, value) {
    const td = make("td", { class: "is-number" });
    if (value === null) td.textContent = texts.none;
    else td.append(make("data", { value: value }, written(kind, value)));
    return td;
  }

  function heading(text, isOpen) {
    const th = make("th", { scope: "row" }, make("bdi", {}, text));
    if (isOpen) th.append(" ", make("span", { class: "partial" }, texts.to_date));
    return th;
  }

  function ticks(low, high) {
    if (high <= low) high = low + 1;
    const raw = (high - low) / 5;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].find((m) => m * power >= raw * 0.999) * power;
    const found = [];
    for (let i = Math.floor(low / step + 1e-9); i <= Math.ceil(high / step - 1e-9); i += 1) {
      found.push(Number((i * step).toPrecision(12)));
    }
    return found;
  }

  function svg(tag, attributes) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }

  function drawTime(pivot, { months, found, value, cube }) {
    const figure = pivot.element;
    const position = Object.fromEntries(cube.months.map((month, i) => [month, i]));
    const lines = months.map((month) => found.get(position[month]));
    const drawn = pivot.measures.filter((measure) => measure.mark);
    const values = drawn.map((measure) => lines.map((line) => value(line, measure)));
    const open = months.map((month) => month > pivot.complete);
    const stacked = months.map((_, i) =>
      drawn.reduce((sum, m, k) => sum + (m.mark === "column" ? values[k][i] || 0 : 0), 0));
    const points = drawn.flatMap((m, k) =>
      m.mark === "column" ? [] : values[k].filter((v) => v !== null));
    const scale = ticks(Math.min(0, ...stacked, ...points), Math.max(0, ...stacked, ...points));
    const low = scale[0];
    const height = (v) => ((v - low) / (scale[scale.length - 1] - low)) * 100;
    const width = 100 / Math.max(1, months.length);
    const kind = drawn[0].kind;
    const area = figure.querySelector(".area");
    const picture = svg("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", focusable: "false" });
    const floor = months.map(() => 0);
    drawn.forEach((measure, k) => {
      const group = svg("g", { class: measure.mark + " s" + k });
      const solid = [], pale = [], dots = [];
      let previous = null;
      values[k].forEach((v, i) => {
        if (measure.mark === "column") {
          if (!v) return;
          const bottom = floor[i];
          floor[i] += v;
          const inset = width * 0.18;
          const left = i * width + inset, right = (i + 1) * width - inset;
          (open[i] ? pale : solid).push(
            `M${left} ${100 - height(bottom)}V${100 - height(floor[i])}H${right}V${100 - height(bottom)}Z`);
        } else if (v === null) {
          previous = null;
        } else {
          const x = (i + 0.5) * width, y = 100 - height(v);
          dots.push(`M${x} ${y}h0`);
          if (previous) (open[i] ? pale : solid).push(`M${previous}L${x} ${y}`);
          previous = `${x} ${y}`;
        }
      });
      group.append(svg("path", { d: solid.join("") }));
      if (pale.length) group.append(svg("path", { class: "open", d: pale.join("") }));
      if (dots.length) group.append(svg("path", { class: "dots", d: dots.join("") }));
      picture.append(group);
    });
    const marks = scale.map((v) => {
      const tick = make("span", { class: "tick" + (v === 0 ? " is-zero" : "") },
        make("span", {}, onAxis(kind, v)));
      tick.style.bottom = height(v) + "%";
      return tick;
    });
    const bands = months.map((month, i) => {
      const reading = [monthName(month) + (open[i] ? ` (${texts.incomplete})` : ""),
        ...drawn.map((m, k) => `${m.label}: ${written(m.kind, values[k][i])}`)].join("\n");
      const band = make("span", { class: "band", "data-tip": reading });
      band.style.left = i * width + "%";
      band.style.width = width + "%";
      return band;
    });
    area.replaceChildren(...marks, picture, ...bands);
    const step = Math.max(1, Math.ceil(months.length / 12));
    const major = Math.max(step, Math.ceil(months.length / 4 / step) * step);
    let year = "";
    const labels = [];
    months.forEach((month, i) => {
      const back = months.length - 1 - i;
      if (back % step) return;
      const own = month.slice(0, 4);
      const label = make("span", { class: "label" + (back % major ? "" : " is-major") },
        monthOnly(month), make("span", { class: "year" + (own === year ? "" : " is-new") }, own));
      label.style.left = (i + 0.5) * width + "%";
      year = own;
      labels.push(label);
    });
    figure.querySelector(".axis").replaceChildren(...labels);
    figure.querySelector(".plot").setAttribute("aria-label", drawn.map((m, k) => {
      const known = months.map((month, i) => [month, values[k][i]])
        .filter(([, v], i) => v !== null && !open[i]);
      if (!known.length) return fill(texts.no_month, { series: m.label });
      const high = known.reduce((best, pair) => (pair[1] > best[1] ? pair : best));
      const last = known[known.length - 1];
      return fill(texts.series, {
        series: m.label, first: written(m.kind, known[0][1]), first_month: monthName(known[0][0]),
        last: written(m.kind, last[1]), last_month: monthName(last[0]),
        high: written(m.kind, high[1]), high_month: monthName(high[0]),
      });
    }).join(" "));
    figure.querySelector("tbody").replaceChildren(...months.map((month, i) =>
      make("tr", {}, heading(monthShort(month), open[i]),
        ...pivot.measures.map((m) => cell(m.kind, value(lines[i], m))))));
  }

  function drawLines(pivot, { found, value, cube }) {
    const dimension = cube.dimensions.find((one) => one.name === pivot.by);
    const first = pivot.measures[0];
    const ranked = [...found.entries()].sort((a, b) =>
      (value(b[1], first) || 0) - (value(a[1], first) || 0));
    const tops = pivot.measures.map((m) => Math.max(0, ...ranked.map(([, line]) => value(line, m) || 0)));
    const rows = ranked.map(([key, line]) => make("tr", {}, heading(dimension.values[key]),
      ...pivot.measures.map((m, i) => {
        const v = value(line, m);
        const td = cell(m.kind, v);
        if (m.mark) {
          td.classList.add("has-bar");
          td.style.setProperty("--bar", tops[i] > 0 && v > 0 ? Math.min(1, v / tops[i]) : 0);
        }
        return td;
      })));
    pivot.element.querySelector("tbody").replaceChildren(...rows);
  }

  function drawStages(pivot, { found, value, cube }) {
    const dimension = cube.dimensions.find((one) => one.name === pivot.by);
    const values = pivot.order.map((key) => value(found.get(key), pivot.measures[0]));
    const top = Math.max(0, ...values);
    const share = (i) => (i && values[i - 1] ? values[i] / values[i - 1] : null);
    pivot.element.querySelector(".stages").replaceChildren(...pivot.order.map((key, i) => {
      const bar = make("span", { class: "fill" });
      bar.style.width = (top ? (values[i] / top) * 100 : 0) + "%";
      return make("div", { class: "stage" },
        make("span", { class: "name" }, dimension.values[key]),
        make("span", { class: "track" }, bar),
        make("span", { class: "size" }, make("b", {}, written("count", values[i])),
          make("span", {}, share(i) === null ? ""
            : fill(texts.before, { share: written("percent", share(i)) }))));
    }));
    pivot.element.querySelector(".stages").setAttribute("aria-label", pivot.order.map((key, i) =>
      `${dimension.values[key]}: ${written("count", values[i])}`).join("; "));
    pivot.element.querySelector("tbody").replaceChildren(...pivot.order.map((key, i) =>
      make("tr", {}, heading(dimension.values[key]), cell("count", values[i]),
        cell("percent", share(i)))));
  }

  function apply() {
    hide();
    const isFiltered = chosen.from || chosen.to || Object.values(chosen.values).some((v) => v !== "");
    document.documentElement.classList.toggle("is-filtered", Boolean(isFiltered));
    for (const pivot of pivots) {
      const answer = sums(pivot);
      ({ time: drawTime, lines: drawLines, stages: drawStages })[pivot.shape](pivot, answer);
    }
  }

  function select(label, values, onChange) {
    const box = make("select", { "aria-label": label }, ...values.map(([value, text]) => make("option", { value }, text)));
    box.addEventListener("change", () => { onChange(box.value); apply(); });
    return make("label", {}, make("span", {}, label), box);
  }

  const form = document.getElementById("filters");
  if (form && pivots.length) {
    const months = [...new Set(Object.values(cubes).flatMap((cube) => cube.months))]
      // People of whom no record says when they were seen stand in 1970.
      .filter((month) => month > "1970-01-01").sort().reverse();
    const listed = [["", texts.usual], ...months.map((month) => [month, monthShort(month)])];
    form.append(select(texts.from, listed, (value) => { chosen.from = value; }),
      select(texts.to, listed, (value) => { chosen.to = value; }));
    const dimensions = new Map();
    for (const pivot of pivots) {
      for (const dimension of cubes[pivot.cube].dimensions) {
        // A table whose lines are the values is not cut by them.
        if (pivots.every((other) => other.by === dimension.name ||
            !cubes[other.cube].dimensions.some((one) => one.name === dimension.name))) continue;
        const found = dimensions.get(dimension.name) || { label: dimension.label, values: new Set() };
        dimension.values.forEach((value) => found.values.add(value));
        dimensions.set(dimension.name, found);
      }
    }
    for (const [name, { label, values }] of dimensions) {
      form.append(select(label, [["", texts.all], ...[...values].sort((a, b) =>
        a.localeCompare(b, texts.language)).map((value) => [value, value])],
      (value) => { chosen.values[name] = value; }));
    }
    const reset = make("button", { type: "button" }, texts.reset);
    reset.addEventListener("click", () => {
      chosen.from = chosen.to = "";
      chosen.values = {};
      all("select", form).forEach((box) => { box.value = ""; });
      document.documentElement.classList.remove("is-filtered");
      hide();
      for (const pivot of pivots) {
        // The page as it was written, to the letter; buttons and details are kept.
        const before = document.createElement(pivot.element.tagName);
        before.innerHTML = pivot.original;
        for (const part of [".area", ".axis", ".stages", "tbody"]) {
          const now = pivot.element.querySelector(part);
          const then = before.querySelector(part);
          if (now && then) now.replaceWith(then);
        }
        const plot = pivot.element.querySelector("[role=img]");
        if (plot) plot.setAttribute("aria-label", before.querySelector("[role=img]").getAttribute("aria-label"));
      }
    });
    form.append(reset, make("p", { class: "follows" }, texts.follows));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
  }

  // Saving.
  function save(name, type, content) {
    const url = URL.createObjectURL(new Blob([content], { type }));
    make("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }
  const fileName = (id, ending) => `${id}_${texts.version}.${ending}`;

  // A text that a spreadsheet would take for a formula is told to be text.
  function field(element) {
    const data = element.querySelector("data");
    if (data) return data.getAttribute("value");
    const text = element.textContent.trim().replace(/\s+/g, " ");
    if (text === texts.none) return "";
    const safe = /^[=+\-@\t\r]/.test(text) ? "'" + text : text;
    return /[",;\n]/.test(safe) || safe !== text ? `"${safe.replace(/"/g, '""')}"` : safe;
  }
  function csv(table) {
    return "\ufeff" + all("tr", table).map((row) =>
      [...row.children].filter((e) => !e.classList.contains("wide-bar")).map(field).join(",")
    ).join("\r\n") + "\r\n";
  }

  // A block as it stands on the page, drawn again on a canvas: boxes, shapes, then words.
  function picture(block, done) {
    const box = block.getBoundingClientRect();
    const ratio = 2, edge = 16;
    const canvas = make("canvas", {});
    canvas.width = (box.width + 2 * edge) * ratio;
    canvas.height = (box.height + 2 * edge) * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.fillStyle = getComputedStyle(document.body).backgroundColor;
    pen.fillRect(0, 0, box.width + 2 * edge, box.height + 2 * edge);
    pen.translate(edge - box.left, edge - box.top);
    const hidden = (element) => element.closest("details, .tools, .about, .unseen, .tip");
    for (const element of all("*", block)) {
      if (hidden(element) || !element.checkVisibility()) continue;
      const style = getComputedStyle(element);
      const rect = element.getBoundingClientRect();
      if (element instanceof SVGPathElement) {
        const path = new Path2D();
        path.addPath(new Path2D(element.getAttribute("d")), element.getScreenCTM());
        if (style.fill !== "none") {
          pen.globalAlpha = Number(style.fillOpacity);
          pen.fillStyle = style.fill;
          pen.fill(path);
          pen.globalAlpha = 1;
        }
        if (style.stroke !== "none") {
          pen.strokeStyle = style.stroke;
          pen.lineWidth = parseFloat(style.strokeWidth);
          pen.lineCap = style.strokeLinecap;
          pen.setLineDash(style.strokeDasharray === "none" ? []
            : style.strokeDasharray.split(",").map(parseFloat));
          pen.stroke(path);
          pen.setLineDash([]);
        }
      } else if (element instanceof HTMLElement) {
        if (!/(, 0\)|transparent)$/.test(style.backgroundColor)) {
          pen.fillStyle = style.backgroundColor;
          pen.fillRect(rect.left, rect.top, rect.width, rect.height);
        }
        const border = parseFloat(style.borderTopWidth);
        if (border > 0) {
          pen.fillStyle = style.borderTopColor;
          pen.fillRect(rect.left, rect.top, rect.width, border);
        }
      }
    }
    const range = document.createRange();
    const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
    pen.textBaseline = "middle";
    while (walker.nextNode()) {
      const node = walker.currentNode;
      const parent = node.parentElement;
      if (!node.data.trim() || hidden(parent) || !parent.checkVisibility()) continue;
      const style = getComputedStyle(parent);
      pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
      pen.fillStyle = style.color;
      for (const word of node.data.matchAll(/\S+/g)) {
        range.setStart(node, word.index);
        range.setEnd(node, word.index + word[0].length);
        const rect = range.getBoundingClientRect();
        pen.fillText(word[0], rect.left, (rect.top + rect.bottom) / 2);
      }
    }
    canvas.toBlob(done, "image/png");
  }

  function button(text, label, onClick) {
    const element = make("button", { type: "button" }, text);
    if (label) element.setAttribute("aria-label", label);
    element.addEventListener("click", onClick);
    return element;
  }

  all(".about").forEach((about) => {
    const figure = about.closest("figure");
    const isTiles = about.previousElementSibling && about.previousElementSibling.matches(".tiles");
    const tools = make("div", { class: "tools" });
    if (!isTiles) {
      let part = about.previousElementSibling;
      while (part && !part.matches(".scroll")) part = part.previousElementSibling;
      const table = figure ? figure.querySelector("table") : part.querySelector("table");
      const title = table.getAttribute("aria-label");
      tools.append(button(texts.csv, fill(texts.save_csv, { title }), () =>
        save(fileName(table.id, "csv"), "text/csv", csv(table))));
      tools.append(button(texts.png, fill(texts.save_png, { title }), () =>
        picture(figure || part, (blob) => save(fileName(table.id, "png"), "image/png", blob))));
    }
    const code = about.querySelector("pre");
    const copy = button(texts.copy, "", () => {
      const done = () => {
        copy.textContent = texts.copied;
        setTimeout(() => { copy.textContent = texts.copy; }, 2000);
      };
      // Pages from disk have no clipboard in some browsers; a selection works everywhere.
      const select = () => {
        about.querySelector("details").open = true;
        const range = document.createRange();
        range.selectNodeContents(code);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        if (document.execCommand("copy")) done();
      };
      if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).then(done, select);
      else select();
    });
    tools.append(copy);
    about.append(tools);
  });
})();
