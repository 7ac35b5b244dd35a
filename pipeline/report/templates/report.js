"use strict";
(() => {
  const root = document.documentElement;
  const $ = (id) => document.getElementById(id);
  const cards = [...document.querySelectorAll("article.card")];
  const chips = [...document.querySelectorAll(".chip")];
  const rules = [...document.querySelectorAll("button.rule")];
  const keep = (key, value) => { try { localStorage.setItem("preflight-" + key, value); } catch { /* a file may have no storage */ } };
  const kept = (key) => { try { return localStorage.getItem("preflight-" + key); } catch { return null; } };
  const texts = new Map();
  const textOf = (card) => {
    if (!texts.has(card)) texts.set(card, card.textContent.toLowerCase());
    return texts.get(card);
  };
  const pressed = (buttons, key) => buttons.filter((b) => b.getAttribute("aria-pressed") === "true").map((b) => b.dataset[key]);

  const filter = () => {
    const status = pressed(chips, "status");
    const rule = pressed(rules, "rule");
    const kind = $("kind").value;
    const preset = $("preset") ? $("preset").value : "";
    const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const card of cards) {
      const d = card.dataset;
      const fits = (!status.length || status.includes(d.s)) && (!kind || kind === d.k) && (!preset || preset === d.p)
        && (!rule.length || rule.some((r) => d.r.split(" ").includes(r))) && words.every((word) => textOf(card).includes(word));
      card.hidden = !fits;
      shown += fits;
    }
    $("count").textContent = `${shown} / ${cards.length}`;
    $("nothing").hidden = shown > 0;
  };
  const toggle = (button) => { button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true")); filter(); };
  chips.concat(rules).forEach((b) => b.addEventListener("click", () => toggle(b)));
  let wait = 0;
  $("search").addEventListener("input", () => { clearTimeout(wait); wait = setTimeout(filter, 120); });
  for (const id of ["kind", "preset"]) if ($(id)) $(id).addEventListener("change", filter);
  const reset = () => {
    chips.concat(rules).forEach((b) => b.setAttribute("aria-pressed", "false"));
    $("search").value = "";
    for (const id of ["kind", "preset"]) if ($(id)) $(id).value = "";
    filter();
  };
  $("reset").addEventListener("click", reset);
  $("filters").addEventListener("submit", (event) => event.preventDefault());

  const speak = (lang) => {
    root.lang = root.dataset.lang = lang;
    for (const one of document.querySelectorAll("[data-en]")) {
      if (one.tagName === "INPUT") one.placeholder = one.dataset[lang];
      else one.textContent = one.dataset[lang];
    }
  };
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const language = () => { speak(root.dataset.lang === "zh" ? "en" : "zh"); keep("lang", root.dataset.lang); };
  const theme = () => { root.dataset.theme = dark() ? "light" : "dark"; keep("theme", root.dataset.theme); };
  $("lang").addEventListener("click", language);
  $("theme").addEventListener("click", theme);
  $("print").addEventListener("click", () => print());
  if (kept("lang")) speak(kept("lang"));
  if (kept("theme")) root.dataset.theme = kept("theme");

  const fold = (card) => card.querySelector("details");
  const unfold = (open) => { for (const card of cards) if (!card.hidden) fold(card).open = open; };
  $("unfold").addEventListener("click", () => unfold(true));
  $("fold").addEventListener("click", () => unfold(false));

  // Pictures as large as the window; before and after above each other, with a slider between them.
  const big = $("big");
  const cut = () => big.style.setProperty("--cut", `${$("slide").value}%`);
  const enlarge = (button) => {
    const shown = [...(button.closest(".pair") || button).querySelectorAll("img")].map((img) => img.cloneNode());
    const both = shown.length > 1;
    $("stage").replaceChildren(...shown);
    $("cut").hidden = !both;
    $("bigname").textContent = button.closest("article").querySelector("h3").textContent;
    $("slide").value = 50;
    cut();
    big.showModal();
    (both ? $("slide") : $("close")).focus();
  };
  $("cards").addEventListener("click", ({ target }) => { const button = target.closest(".zoom"); if (button) enlarge(button); });
  $("slide").addEventListener("input", cut);
  $("close").addEventListener("click", () => big.close());
  big.addEventListener("click", ({ target }) => { if (target === big) big.close(); });

  const step = (by) => {
    const seen = cards.filter((card) => !card.hidden);
    if (!seen.length) return;
    const at = seen.indexOf(document.activeElement.closest("article.card"));
    const next = seen[Math.min(seen.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "start" });
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && event.target.id === "search") { reset(); event.target.blur(); return; }
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    if (big.open) return;
    const here = document.activeElement.closest("article.card");
    const act = { "/": () => $("search").focus(), j: () => step(1), k: () => step(-1), l: language, t: theme,
      o: () => { if (here) fold(here).open = !fold(here).open; } }[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  const arrive = () => {
    const card = cards.find((one) => `#${one.id}` === location.hash);
    if (!card) return;
    if (card.hidden) reset();
    fold(card).open = true;
    card.scrollIntoView();
    card.focus({ preventScroll: true });
  };
  addEventListener("hashchange", arrive);
  // Inside the local page, which has switches of its own.
  addEventListener("message", ({ data }) => {
    if (data && /^(en|zh)$/.test(data.lang)) { speak(data.lang); $("lang").hidden = $("theme").hidden = true; }
    if (data && /^(light|dark)$/.test(data.theme)) root.dataset.theme = data.theme;
  });
  filter();
  arrive();
})();
