"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, from = document) => Array.from(from.querySelectorAll(selector));
  const one = (selector, from = document) => from.querySelector(selector);
  const data = JSON.parse(one("#data").textContent);
  const viewer = one("#viewer");
  const cards = all("[data-card]");

  // Settings that are kept where the browser allows it (a file opened from disk may not).
  const keep = (key, value) => { try { localStorage.setItem("qc-sheet-" + key, value); } catch { /* not kept */ } };
  const kept = (key) => { try { return localStorage.getItem("qc-sheet-" + key); } catch { return null; } };

  const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const setTheme = (theme) => { root.dataset.theme = theme; keep("theme", theme); };
  if (["light", "dark"].includes(kept("theme"))) root.dataset.theme = kept("theme");

  const setOutlines = (on) => {
    root.classList.toggle("outlines-off", !on);
    all('[data-act="outline"]').forEach((button) => button.setAttribute("aria-pressed", String(on)));
  };

  // Before or after repair: the picture itself changes, and with it every place that shows it.
  const setAfter = (on) => {
    all("image[data-after]").forEach((image) => {
      image.dataset.before ??= image.getAttribute("href");
      image.setAttribute("href", on ? image.dataset.after : image.dataset.before);
    });
    root.classList.toggle("after", on);
    all('[data-act="after"]').forEach((button) => button.setAttribute("aria-pressed", String(on)));
  };

  // Tabs of crops
  const tabs = all('[role="tab"]');
  const showTab = (tab, focus) => {
    tabs.forEach((other) => {
      const on = other === tab;
      other.setAttribute("aria-selected", String(on));
      other.tabIndex = on ? 0 : -1;
      one("#" + other.getAttribute("aria-controls")).hidden = !on;
    });
    if (focus) tab.focus();
  };
  tabs.forEach((tab, i) => {
    tab.addEventListener("click", () => showTab(tab));
    tab.addEventListener("keydown", (event) => {
      const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      showTab(tabs[(to + tabs.length) % tabs.length], true);
    });
  });
  if (tabs.length) showTab(tabs[0]);
  all(".panel").forEach((panel) => { if (!tabs.length) panel.removeAttribute("role"); });

  // Large view. Steps through what is on the page, in the order of the page.
  const words = (index) => {
    const frame = data.frames.find((f) => f[0] === index);
    return frame ? { title: `Frame ${frame[0]} at ${clock(frame[2])}`, text: `${data.words[frame[4]]}: ${frame[7]}` } : { title: "Frame " + index, text: "" };
  };
  let stops = [];
  let at = 0;
  const draw = () => {
    const index = stops[at];
    const said = words(index);
    const [frame, outline] = all("use", one(".picture", viewer));
    frame.setAttribute("href", "#f" + index);
    outline.setAttribute("href", "#o" + index);
    one(".picture", viewer).setAttribute("aria-label", said.title);
    one(".viewer-title", viewer).textContent = `${said.title} (${at + 1} of ${stops.length})`;
    one(".viewer-text", viewer).textContent = said.text;
  };
  const open = (index) => {
    const visible = all(".pick-picture").filter((button) => button.offsetParent !== null);
    stops = [...new Set(visible.map((button) => Number(button.dataset.frame)))].filter((f) => one("#f" + f));
    at = stops.indexOf(index);
    if (at < 0) return;
    draw();
    if (!viewer.open) viewer.showModal();
  };
  const step = (by) => { at = (at + by + stops.length) % stops.length; draw(); };
  all(".pick-picture").forEach((button) => button.addEventListener("click", () => open(Number(button.dataset.frame))));
  all(".crop img").forEach((image) => image.addEventListener("click", () => open(Number(image.closest("[data-frame]").dataset.frame))));

  // Cards
  const goCard = (by) => {
    if (!cards.length) return;
    const here = cards.indexOf(document.activeElement.closest("[data-card]"));
    const to = here < 0 ? (by > 0 ? 0 : cards.length - 1) : Math.min(cards.length - 1, Math.max(0, here + by));
    cards[to].focus({ preventScroll: true });
    cards[to].scrollIntoView({ block: "nearest" });
  };

  // Timeline
  const clock = (s) => {
    const hundredths = Math.round(s * 100), two = (n) => String(n).padStart(2, "0");
    const h = Math.floor(hundredths / 360000), m = Math.floor(hundredths / 6000) % 60;
    return `${h ? h + ":" + two(m) : m}:${two(Math.floor(hundredths / 100) % 60)}.${two(hundredths % 100)}`;
  };
  const chart = one(".timeline-chart");
  const tip = chart && one(".tip", chart);
  let chosen = -1;
  const choose = (n) => {
    chosen = Math.min(data.frames.length - 1, Math.max(0, n));
    const [index, x, seconds, shot, lane, score, rank, sentence] = data.frames[chosen];
    const cursor = one(".cursor", chart);
    cursor.hidden = false;
    cursor.removeAttribute("hidden");
    cursor.setAttribute("x", x + "%");
    const title = `${clock(seconds)}, frame ${index}, shot ${shot + 1}`;
    const line = `${data.words[lane]}${rank ? ", rank " + rank : ""}, score ${score.toFixed(2)}`;
    tip.replaceChildren(Object.assign(document.createElement("b"), { textContent: title }), line, document.createElement("br"), sentence);
    tip.hidden = false;
    const left = (chart.clientWidth * x) / 100 - tip.offsetWidth / 2;
    tip.style.left = Math.max(-8, Math.min(left, chart.clientWidth - tip.offsetWidth + 8)) + "px";
    chart.setAttribute("aria-valuenow", chosen);
    chart.setAttribute("aria-valuetext", `${title}. ${line}. ${sentence}`);
  };
  const nearest = (x) => {
    let low = 0, high = data.frames.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (data.frames[middle][1] < x) low = middle + 1; else high = middle;
    }
    return low > 0 && x - data.frames[low - 1][1] < data.frames[low][1] - x ? low - 1 : low;
  };
  const hush = () => { tip.hidden = true; one(".cursor", chart).setAttribute("hidden", ""); };
  const goFrame = (index) => {
    const pick = one("#pick-full-" + index);
    if (pick) {
      if (tabs.length) showTab(tabs[0]);
      pick.scrollIntoView({ block: "center" });
      one(".pick-picture", pick).focus({ preventScroll: true });
    } else if (chart) {
      chart.scrollIntoView({ block: "center" });
      chart.focus({ preventScroll: true });
      choose(data.frames.findIndex((f) => f[0] >= index));
    }
  };
  if (chart) {
    const move = (event) => {
      const box = chart.getBoundingClientRect();
      choose(nearest((100 * (event.clientX - box.left)) / box.width));
    };
    chart.addEventListener("pointermove", move);
    chart.addEventListener("pointerdown", move);
    chart.addEventListener("pointerleave", () => { if (document.activeElement !== chart) hush(); });
    chart.addEventListener("focus", () => choose(chosen < 0 ? 0 : chosen));
    chart.addEventListener("blur", hush);
    chart.addEventListener("keydown", (event) => {
      const to = { ArrowRight: chosen + 1, ArrowLeft: chosen - 1, ArrowUp: chosen + 1, ArrowDown: chosen - 1, PageDown: chosen + 20, PageUp: chosen - 20, Home: 0, End: data.frames.length - 1 }[event.key];
      if (to !== undefined) { event.preventDefault(); event.stopPropagation(); choose(to); }
      if (event.key === "Enter" && chosen >= 0) {
        const index = data.frames[chosen][0];
        const card = cards.find((c) => Number(c.dataset.frame) === index);
        if (one("#pick-full-" + index)) goFrame(index);
        else if (card) { card.focus(); }
      }
    });
  }
  all("[data-goto], [data-marker]").forEach((link) => link.addEventListener("click", (event) => {
    event.preventDefault();
    event.stopPropagation();
    goFrame(Number(link.dataset.goto || link.dataset.marker));
  }));

  // Buttons and keys
  const acts = {
    after: () => setAfter(!root.classList.contains("after")),
    outline: () => setOutlines(root.classList.contains("outlines-off")),
    theme: () => setTheme(isDark() ? "light" : "dark"),
    help: () => one("#help").showModal(),
    close: () => all("dialog[open]").forEach((dialog) => dialog.close()),
    next: () => step(1),
    previous: () => step(-1),
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]");
    if (button) acts[button.dataset.act]();
    else if (event.target.matches("dialog")) event.target.close(); // the backdrop
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
    const inCard = document.activeElement.matches("[data-card]");
    if (viewer.open) {
      if (event.key === "ArrowRight" || event.key === "j") step(1);
      else if (event.key === "ArrowLeft" || event.key === "k") step(-1);
      else if (event.key === "o") acts.outline();
      else if (event.key === "b") acts.after();
      return;
    }
    if (one("#help").open) return;
    if (event.key === "j" || (inCard && ["ArrowDown", "ArrowRight"].includes(event.key))) { event.preventDefault(); goCard(1); }
    else if (event.key === "k" || (inCard && ["ArrowUp", "ArrowLeft"].includes(event.key))) { event.preventDefault(); goCard(-1); }
    else if (event.key === "o") acts.outline();
    else if (event.key === "b") acts.after();
    else if (event.key === "d") acts.theme();
    else if (event.key === "?") acts.help();
    else if (event.key === "Enter" && inCard) open(Number(document.activeElement.dataset.frame));
  });
  addEventListener("beforeprint", () => all(".head-facts > details").forEach((details) => { details.open = true; }));
})();
