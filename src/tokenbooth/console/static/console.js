// Everything here makes pages nicer; without it they work all the same.
"use strict";

function say(text) {
  const place = document.querySelector("[data-spoken]");
  if (place) place.textContent = text;
}

// --- Copying ---

async function copy(button) {
  if ("copied" in button.dataset) return;
  button.dataset.copied = "";
  const source = button.dataset.copyFrom && document.querySelector(button.dataset.copyFrom);
  const text = source ? source.textContent : button.dataset.copy;
  const title = button.textContent;
  const label = button.getAttribute("aria-label");
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    say("Copied to the clipboard");
  } catch {
    button.textContent = "Press Ctrl+C";
    const shown = button.parentElement.querySelector("code");
    if (shown) getSelection().selectAllChildren(shown);
  }
  // What it is called must hold what it shows.
  if (label) button.setAttribute("aria-label", `${button.textContent}: ${label}`);
  setTimeout(() => {
    button.textContent = title;
    delete button.dataset.copied;
    if (label) button.setAttribute("aria-label", label);
  }, 1600);
}

// --- Theme ---

function switchTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  try {
    localStorage.setItem("tokenbooth-theme", root.dataset.theme);
  } catch {
    // It is then chosen for this page alone.
  }
  drawCharts(document);
}

// --- Asking whether somebody is sure ---

let sureAsked = null;

function askWhetherSure(form, submitter) {
  const dialog = document.createElement("dialog");
  const article = document.createElement("article");
  const text = document.createElement("p");
  text.textContent = form.dataset.sure;
  const buttons = document.createElement("footer");
  const no = document.createElement("button");
  no.textContent = "Cancel";
  no.className = "secondary";
  no.type = "button";
  const yes = document.createElement("button");
  yes.textContent = submitter ? submitter.textContent : "Yes";
  yes.type = "button";
  buttons.append(no, yes);
  article.append(text, buttons);
  dialog.append(article);
  dialog.setAttribute("aria-label", form.dataset.sure);
  document.body.append(dialog);
  no.addEventListener("click", () => dialog.close());
  yes.addEventListener("click", () => {
    sureAsked = form;
    dialog.close();
    form.requestSubmit(submitter || undefined);
  });
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
  no.focus();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.dataset.sure) return;
  if (sureAsked === form) {
    sureAsked = null;
    return;
  }
  event.preventDefault();
  event.stopImmediatePropagation();
  askWhetherSure(form, event.submitter);
}, true);

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if ("copy" in button.dataset || "copyFrom" in button.dataset) copy(button);
  if ("themeSwitch" in button.dataset) switchTheme();
});

// A page that shows a secret once is not asked for again by loading it again.
function forgetPost(root) {
  const marked = root.querySelector("[data-leave-to]");
  if (marked) history.replaceState(null, "", marked.dataset.leaveTo);
}

// --- Tabs: links to parts of the page become a list of tabs ---

function makeTabs(list) {
  const tabs = [...list.querySelectorAll("a[href^='#']")];
  const panels = tabs.map((tab) => document.getElementById(tab.hash.slice(1)));
  list.setAttribute("role", "tablist");
  const show = (chosen, focus) => {
    tabs.forEach((tab, place) => {
      const isChosen = place === chosen;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      panels[place].hidden = !isChosen;
    });
    if (focus) tabs[chosen].focus();
  };
  tabs.forEach((tab, place) => {
    tab.setAttribute("role", "tab");
    tab.id ||= `tab-${tab.hash.slice(1)}`;
    tab.setAttribute("aria-controls", tab.hash.slice(1));
    if (tab.parentElement !== list) tab.parentElement.setAttribute("role", "presentation");
    panels[place].setAttribute("role", "tabpanel");
    panels[place].setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", (event) => {
      event.preventDefault();
      show(place, false);
    });
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      show((place + step + tabs.length) % tabs.length, true);
    });
  });
  const wanted = tabs.findIndex((tab) => tab.hash === location.hash);
  show(Math.max(wanted, 0), false);
}

// --- Pictures of numbers over time ---

const drawn = new Map();

function colours(count) {
  const style = getComputedStyle(document.documentElement);
  return Array.from({ length: count }, (_, place) =>
    style.getPropertyValue(`--series-${(place % 8) + 1}`).trim());
}

// Steps of an axis that counts things.
const WHOLE = Array.from({ length: 15 }, (_, power) => [1, 2, 5].map((one) => one * 10 ** power)).flat();

// As everywhere in the console, times are UTC.
function shortTime(at, isLong) {
  const time = new Date(at * 1000).toISOString();
  return isLong && time.slice(11, 16) === "00:00" ? time.slice(5, 10) : time.slice(11, 16);
}

function drawCharts(root) {
  if (!window.uPlot) return;
  for (const place of root.querySelectorAll("[data-chart]")) {
    const chart = JSON.parse(document.getElementById(place.dataset.chart).textContent);
    drawn.get(place)?.destroy();
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--pico-muted-color").trim();
    const lines = style.getPropertyValue("--pico-muted-border-color").trim();
    const ofSeries = colours(chart.series.length);
    const axis = { stroke: ink, grid: { stroke: lines, width: 1 }, ticks: { stroke: lines, width: 1 } };
    const bars = uPlot.paths.bars({ size: [0.7, 40] });
    const tick = (at) => shortTime(at, chart.x.at(-1) - chart.x[0] > 2 * 86400);
    drawn.set(place, new uPlot({
      width: place.clientWidth,
      height: 200,
      scales: { y: { range: (_, low, high) => [0, Math.max(high, 4) * 1.1] } },
      axes: [{ ...axis, values: (_, ticks) => ticks.map(tick) }, { ...axis, size: 56, incrs: WHOLE }],
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      series: [{ value: (_, at) => (at == null ? "" : `${new Date(at * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`) }, ...chart.series.map((one, at) => ({
        label: one.label,
        stroke: ofSeries[at],
        fill: `${ofSeries[at]}${chart.series.length === 1 ? "66" : "11"}`,
        width: 2,
        ...(chart.series.length === 1 ? { paths: bars, points: { show: false } } : {}),
      }))],
    }, [chart.x, ...chart.series.map((one) => one.values)], place));
  }
}

let resized = 0;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(() => {
    for (const [place, plot] of drawn) {
      if (place.isConnected) plot.setSize({ width: place.clientWidth, height: 200 });
      else drawn.delete(place);
    }
  }, 150);
});

// --- A look at the password that is being typed ---

function makePeek(input) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain peek";
  button.textContent = "Show";
  const show = (isShown) => {
    input.type = isShown ? "text" : "password";
    button.setAttribute("aria-pressed", String(isShown));
  };
  button.setAttribute("aria-label", `Show: ${input.labels[0]?.textContent ?? "password"}`);
  button.addEventListener("click", () => show(input.type === "password"));
  input.form?.addEventListener("submit", () => show(false));
  const row = document.createElement("div");
  row.className = "peeking";
  input.before(row);
  row.append(input, button);
  show(false);
}

function dress(root) {
  root.querySelectorAll("[data-peek]").forEach(makePeek);
  root.querySelectorAll("[data-tabs]").forEach(makeTabs);
  drawCharts(root);
  forgetPost(root);
}

// What only pages without scripts need.
document.querySelectorAll("[data-without-scripts]").forEach((part) => { part.hidden = true; });

dress(document);
document.addEventListener("htmx:afterSwap", (event) => {
  dress(event.detail.target);
  event.detail.target.querySelector("[data-focus]")?.focus();
});
