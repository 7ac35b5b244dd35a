"use strict";
(() => {
  const root = document.documentElement;
  const $ = (id) => document.getElementById(id);
  const base = location.pathname.replace(/\/$/, "");
  const scenarios = Object.values(JSON.parse($("scenarios").textContent)).flat();
  const keep = (key, value) => { try { localStorage.setItem("preflight-" + key, value); } catch { /* storage may be off */ } };
  const kept = (key) => { try { return localStorage.getItem("preflight-" + key); } catch { return null; } };
  const say = (en, zh) => (root.dataset.lang === "zh" ? zh : en);
  const words = {
    pass: ["pass", "合格"], ready: ["ready", "已合规"], fixed: ["fixed", "已修复"], fixable: ["fixable", "可修复"],
    blocked: ["blocked", "需人工处理"], failed: ["failed", "失败"], error: ["error", "出错"],
  };
  const states = {
    waiting: ["Waiting", "排队中"], running: ["Working…", "处理中…"],
    reporting: ["Writing the report…", "正在生成报告…"], done: ["Done.", "完成。"], stopped: ["Stopped.", "已停止。"],
  };
  let batch = null, rows = [], sending = 0, last = null;

  // No answer, or the one of a proxy that has none.
  const AWAY = [502, 503, 504], silent = { en: "The server does not answer. Is it being restarted, or the line cut?", zh: "服务器没有响应：可能正在重启，或网络中断。" };
  const ask = async (method, path, body) => {
    const answer = await fetch(base + path, { method, headers: { "X-Preflight": "1" }, body }).catch(() => null);
    if (!answer || AWAY.includes(answer.status)) throw silent;
    if (answer.status === 204) return null;
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw told.error || { en: `error ${answer.status}`, zh: `错误 ${answer.status}` };
    return told;
  };
  const fault = (error) => {
    const told = error && error.en ? error : { en: String(error), zh: String(error) };
    $("fault").hidden = false;
    $("fault").textContent = say(told.en, told.zh);
  };
  const size = (n) => { const u = ["B", "KiB", "MiB", "GiB"]; let i = 0; while (n >= 1024 && i < 3) { n /= 1024; i += 1; } return `${i ? n.toFixed(1) : n} ${u[i]}`; };

  const row = (name, bytes) => {
    const li = document.createElement("li");
    const label = document.createElement("bdi"), weight = document.createElement("span"), bar = document.createElement("progress"), badge = document.createElement("span");
    label.textContent = name; weight.textContent = size(bytes); weight.className = "size"; bar.max = 1; bar.value = 0; badge.className = "badge";
    bar.setAttribute("aria-label", name);
    const out = document.createElement("button");
    out.type = "button"; out.textContent = "✕"; out.hidden = true;
    out.setAttribute("aria-label", say(`take out ${name}`, `移除 ${name}`));
    // Its own scenario, where it is another than the one above: what fits is named first.
    const own = document.createElement("select");
    own.hidden = true; own.setAttribute("aria-label", say(`scenario of ${name}`, `${name} 的场景`));
    // What it would be cut by where something is doubtful: looked through here, it goes with the next run.
    const list = document.createElement("label"), cuts = document.createElement("textarea");
    list.hidden = true; list.className = "cuts"; cuts.rows = 8; cuts.spellcheck = false;
    for (const [lang, words] of [["en", "Where it would be cut, in seconds. Correct it or empty the column doubts, and repair again:"], ["zh", "切分位置（秒）。请修正，或清空 doubts 列，然后再次修复："]]) {
      const said = document.createElement("span");
      said.className = said.lang = lang; said.textContent = words;
      list.append(said);
    }
    list.append(cuts);
    li.append(label, weight, bar, badge, out, own, list);
    $("dropped").append(li);
    const made = { li, bar, badge, label, out, own, list, cuts, number: 0 };
    out.addEventListener("click", async () => {
      try { await ask("DELETE", `/batches/${batch}/files/${made.number}`); } catch (error) { fault(error); return; }
      rows.splice(rows.indexOf(made), 1);
      li.remove();
      ready();
      $("pick").focus();
    });
    return made;
  };
  const SENT = 0.3; // of a bar: what is left is for the work, so that no bar ever goes back
  const arrived = (shown, told) => {
    shown.bar.value = SENT; shown.label.textContent = told.name; shown.number = told.number; shown.out.hidden = false;
    rows.push(shown);
  };
  // A file goes in one piece; where that is cut off, what arrived stays and the rest is sent (tus).
  const TUS = { "X-Preflight": "1", "Tus-Resumable": "1.0.0" }, TRIES = 8;
  const refused = async (answer) => (await answer.json().catch(() => ({}))).error || { en: `error ${answer.status}`, zh: `错误 ${answer.status}` };
  const piece = (place, file, at, shown) => new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open("PATCH", place);
    for (const [key, value] of Object.entries({ ...TUS, "Upload-Offset": at, "Content-Type": "application/offset+octet-stream" })) request.setRequestHeader(key, value);
    request.upload.addEventListener("progress", (event) => { shown.bar.value = Math.max(shown.bar.value, SENT * (at + event.loaded) / file.size); });
    request.addEventListener("loadend", () => {
      if (request.status === 204) { done(Number(request.getResponseHeader("Upload-Offset"))); return; }
      let told = null;
      if (request.status >= 400 && request.status < 500) try { told = JSON.parse(request.responseText).error; } catch { told = { en: "refused", zh: "被拒绝" }; }
      failed(told);
    });
    request.send(file.slice(at));
  });
  const send = async (file) => {
    const shown = row(file.name, file.size);
    try {
      const name = btoa(String.fromCharCode(...new TextEncoder().encode(file.name)));
      const made = await fetch(`${base}/batches/${batch}/uploads`, { method: "POST", headers: { ...TUS, "Upload-Length": file.size, "Upload-Metadata": `filename ${name}` } });
      if (made.status !== 201) throw await refused(made);
      const place = made.headers.get("Location"), told = await made.json();
      for (let at = 0, tries = 0; at < file.size;) {
        try { at = await piece(place, file, at, shown); tries = 0; } catch (error) {
          tries += 1;
          if (error || tries > TRIES) throw error || { en: "the connection broke", zh: "连接中断" };
          await new Promise((again) => { setTimeout(again, 500 * tries); });
          const here = await fetch(place, { method: "HEAD", headers: TUS }).catch(() => null);
          if (here && here.ok) at = Number(here.headers.get("Upload-Offset"));
        }
      }
      arrived(shown, told);
    } catch (error) {
      shown.li.remove();
      fault({ en: `${file.name}: ${(error && error.en) || error}`, zh: `${file.name}：${(error && error.zh) || error}` });
    }
  };
  // Reload finds the batch again by its address.
  const take = (id) => { batch = id; history.replaceState(null, "", `#${id}`); };
  let queue = Promise.resolve();
  const add = (files) => {
    $("fault").hidden = true;
    for (const file of files) {
      sending += 1; ready();
      queue = queue.then(async () => {
        try { if (!batch) take((await ask("POST", "/batches")).id); await send(file); } catch (error) { fault(error); }
        sending -= 1; ready();
      });
    }
  };
  const ready = () => { for (const id of ["prepare", "check", "fit"]) $(id).disabled = sending > 0 || !rows.length; };
  const OVER = ["collecting", "done", "failed", "stopped"];
  const option = (value, text) => { const one = document.createElement("option"); one.value = value; one.textContent = text; return one; };
  const scenariosOf = (shown, fits) => {
    const chosen = shown.own.value;
    shown.own.replaceChildren(option("", say("as above", "同上")));
    for (const one of fits) shown.own.append(option(`${one.preset} ${one.role}`, `${one.preset}, ${say(one.title.en, one.title.zh)}: ${say(...(words[one.status] || [one.status, one.status]))}`));
    const best = fits.length && ["pass", "fixable"].includes(fits[0].status) ? shown.own.options[1].value : "";
    shown.own.value = shown.fitted ? chosen : best;
    shown.fitted = fits.length > 0;
  };

  const show = (told) => {
    last = told;
    told.files.forEach((file, n) => {
      const shown = rows[n];
      if (!shown) return;
      shown.bar.value = Math.max(shown.bar.value, SENT + (1 - SENT) * file.fraction);
      shown.li.className = file.status ? `s-${file.status}` : "";
      scenariosOf(shown, file.fits);
      shown.list.hidden = file.cuts === null || !OVER.includes(told.state);
      if (file.cuts !== null && !shown.cuts.value) { shown.cuts.value = file.cuts; shown.offered = shown.cuts.value; }
      shown.badge.textContent = file.status ? say(...(words[file.status] || [file.status, file.status])) : "";
    });
    const ahead = told.state === "waiting" && told.place ? say(`: ${told.place} before yours`, `：前面还有 ${told.place} 个批次`) : "";
    $("state").textContent = (states[told.state] ? say(...states[told.state]) : "") + ahead;
    if (told.error) fault(told.error);
    const over = OVER.includes(told.state), open = told.state === "collecting";
    $("stop").hidden = over; $("again").hidden = !over || open;
    for (const id of ["prepare", "check", "fit"]) $(id).hidden = !over || (id === "fit" && told.state === "done");
    for (const id of ["pick", "pickfolder"]) $(id).disabled = !open;
    for (const id of ["drop", "dropfolder"]) $(id).classList.toggle("closed", !open);
    for (const one of rows) { one.out.hidden = !open; one.own.hidden = !open || !one.fitted; }
    for (const id of ["preset", "role", "choices"]) $(id).disabled = !over;
    if (told.state === "done") finish(told);
  };
  // Shows how far the batch is, and again until nothing goes on. A server that is silent for a while is asked on.
  const looking = (shows, busy, tells, place) => {
    let timer = 0;
    return (told) => {
      const look = async () => {
        const id = batch;
        try {
          const now = await ask("GET", `/batches/${id}`);
          if (place.dataset.silent) { delete place.dataset.silent; place.hidden = true; }
          shows(now);
          if (busy(now)) timer = setTimeout(look, 400);
        } catch (error) {
          tells(error);
          if (error !== silent) return;
          place.dataset.silent = "1";
          timer = setTimeout(look, 2000);
        }
      };
      clearTimeout(timer);
      shows(told);
      if (busy(told)) timer = setTimeout(look, 400);
    };
  };
  // Sending on: the order is a form made from the tables of the platform, and goes as TOML.
  const ways = {
    sent: ["sent", "已送达"], skipped: ["there already", "已存在"], pending: ["verdict to come", "审核中"],
    waiting: ["waiting for a person", "等待人工确认"], refused: ["refused", "被拒绝"], failed: ["failed", "失败"],
  };
  const gone = { sending: ["Sending…", "发送中…"], done: ["Sent.", "已发送。"], failed: ["Not all of it was sent.", "部分内容未发送。"], stopped: ["Stopped. Send again to go on.", "已停止；再次发送即可继续。"] };
  let forms = [];
  const make = (kind, text, style) => { const made = document.createElement(kind); made.textContent = text || ""; if (style) made.className = style; return made; };
  const wrong = (error) => { const told = error && error.en ? error : { en: String(error), zh: String(error) }; $("sendfault").hidden = false; $("sendfault").textContent = say(told.en, told.zh); };
  const stale = () => { $("send").disabled = true; $("sentlines").replaceChildren(); $("sentstate").textContent = ""; $("sendfault").hidden = true; };
  const input = (field) => {
    if (field.kind === "choice") {
      const made = document.createElement("select");
      made.append(option("", ""), ...field.values.map((value) => option(value, value.replace(/^"|"$/g, ""))));
      return made;
    }
    const made = document.createElement(field.kind === "toml" ? "textarea" : "input");
    if (field.kind === "toml") made.rows = 2; else made.type = "text";
    if (field.kind === "number") made.inputMode = "decimal";
    made.placeholder = field.kind === "text" ? JSON.parse(field.example) : field.example;
    return made;
  };
  const draw = () => {
    const form = forms.find((one) => one.to === $("to").value) || { tables: [] };
    // What was filled in stays, in another language and at another destination that asks the same.
    const filled = new Map([...document.querySelectorAll("#order [data-field]")].map((one) => [`${one.dataset.table}.${one.dataset.field}`, one.value]));
    const open = new Set([...document.querySelectorAll("#order details[open] summary")].map((one) => one.textContent));
    stale();
    $("order").replaceChildren(...form.tables.map((table) => {
      const details = document.createElement("details"), grid = make("div", "", "rows");
      details.append(make("summary", `[${table.name}]`), grid);
      details.open = open.has(`[${table.name}]`);
      for (const field of table.fields) {
        const label = document.createElement("label"), control = input(field);
        control.dataset.table = table.name; control.dataset.field = field.name; control.dataset.kind = field.kind;
        control.value = filled.get(`${table.name}.${field.name}`) || "";
        const needed = field.needed ? say("needed where this is ordered: ", "订购时必填：") : "";
        label.append(make("strong", field.name), control, make("span", needed + say(field.wants.en, field.wants.zh).trim()));
        grid.append(label);
      }
      for (const note of table.notes) details.append(make("p", say(note.en, note.zh)));
      return details;
    }));
  };
  const order = () => {
    const tables = new Map();
    for (const one of document.querySelectorAll("#order [data-field]")) {
      const value = one.value.trim();
      if (value) tables.set(one.dataset.table, [...(tables.get(one.dataset.table) || []), `${one.dataset.field} = ${one.dataset.kind === "text" ? JSON.stringify(value) : value}`]);
    }
    return [...tables].map(([name, rows]) => `[${name}]\n${rows.join("\n")}\n`).join("\n");
  };
  const going = (told) => Boolean(told.sent && told.sent.state === "sending");
  const showSent = (told) => {
    last = told;
    const { sent } = told, busy = going(told);
    for (const id of ["plan", "to"]) $(id).disabled = busy;
    for (const id of ["prepare", "check"]) $(id).disabled = busy || !rows.length;
    for (const one of document.querySelectorAll("#order [data-field]")) one.disabled = busy;
    $("halt").hidden = !busy;
    if (!sent) return;
    $("sentbar").hidden = !busy;
    $("sentbar").setAttribute("aria-label", say("sent", "已发送"));
    $("sentbar").value = sent.total ? Math.min(1, sent.bytes / sent.total) : 0;
    const text = say(...gone[sent.state]);
    if ($("sentstate").textContent !== text) $("sentstate").textContent = text;
    if (sent.error) wrong(sent.error);
    let number = 0;
    $("sentlines").replaceChildren(...sent.entries.map((one) => {
      const ids = Object.values(one.ids).filter((id) => typeof id === "string" && !one.fetched.some((file) => file.endsWith(id))).join(" ");
      const li = make("li", [one.source, say(...ways[one.status]), one.message, ids].filter(Boolean).join(" · "));
      for (const file of one.fetched) {
        const link = make("a", file.split("/").pop());
        link.href = `${base}/batches/${batch}/fetched/${number++}`;
        link.download = "";
        li.append(" ", link);
      }
      return li;
    }));
  };
  const follow = looking(showSent, going, wrong, $("sendfault"));
  const offer = async (told) => {
    forms = await ask("GET", `/batches/${batch}/orders`);
    $("sendon").hidden = !forms.length;
    $("to").replaceChildren(...forms.map((one) => option(one.to, one.to)));
    draw();
    follow(told);
  };
  const wish = () => JSON.stringify({ to: $("to").value, order: order(), lang: root.dataset.lang });
  for (const event of ["input", "change"]) $("order").addEventListener(event, stale);
  $("to").addEventListener("change", draw);
  $("plan").addEventListener("click", async () => {
    stale();
    try {
      const plan = await ask("POST", `/batches/${batch}/send/plan`, wish());
      $("sentstate").textContent = say(`Nothing is sent yet. To ${plan.destination}:`, `尚未发送。目的地 ${plan.destination}：`);
      for (const unit of plan.units) {
        const li = make("li", `${unit.sources.join(", ")} · ${size(unit.bytes)}`);
        for (const call of unit.calls) li.append(make("code", call));
        $("sentlines").append(li);
      }
      for (const one of plan.refused) $("sentlines").append(make("li", `${say("stays here", "不发送")}: ${say(one.why.en, one.why.zh)}`));
      $("send").disabled = !plan.units.length;
    } catch (error) { wrong(error); }
  });
  $("send").addEventListener("click", async () => {
    const asked = wish();
    stale();
    try { follow(await ask("POST", `/batches/${batch}/send`, asked)); } catch (error) { wrong(error); }
  });
  $("halt").addEventListener("click", () => ask("POST", `/batches/${batch}/stop`).catch(wrong));

  const finish = (told) => {
    const list = $("downloads");
    list.replaceChildren();
    const link = (href, text, style) => { const a = document.createElement("a"); a.href = href; a.textContent = text; a.className = style; a.download = ""; list.append(a); };
    const here = `${base}/batches/${batch}`;
    if (told.outputs.length) link(`${here}/all.zip`, say("All files (zip)", "全部文件（zip）"), "all");
    told.outputs.slice(0, 50).forEach((output, n) => link(`${here}/outputs/${n}`, `${output.name} · ${size(output.size)}`, ""));
    if ($("result").hidden) {
      $("report").src = `${here}/report.html`;
      $("result").hidden = false;
      $("resultname").focus();
      offer(told).catch(wrong);
    }
  };
  const watch = looking(show, (told) => !OVER.includes(told.state), fault, $("fault"));
  // What was chosen of the repairs; what was not said is left out.
  const choices = [...document.querySelectorAll("[data-repair]")];
  const chosen = () => Object.fromEntries(choices.map((one) => [one.dataset.repair, one.type === "checkbox" ? one.checked : one.value.trim()]).filter(([, value]) => value));
  const counted = () => { const n = Object.keys(chosen()).length; $("repairscount").textContent = n ? `(${n})` : ""; };
  const choose = (repairs) => {
    for (const one of choices) { const value = repairs[one.dataset.repair]; if (one.type === "checkbox") one.checked = Boolean(value); else one.value = value || ""; }
    counted();
    $("repairs").open = Object.keys(chosen()).length > 0;
  };
  $("choices").addEventListener("input", counted);
  const begin = (id, asked) => ask("POST", `/batches/${id}/run`, JSON.stringify({ ...asked, lang: root.dataset.lang, repairs: asked.verb === "fit" ? {} : chosen(), cuts: looked() }));
  const looked = () => Object.fromEntries(rows.filter((one) => one.cuts.value && one.cuts.value !== one.offered).map((one) => [one.number, one.cuts.value]));
  // Files of other scenarios become batches of their own, which wait their turn behind this one.
  const split = async () => {
    const first = rows[0].own.value, others = new Map();
    for (const one of rows) if (one.own.value !== first) others.set(one.own.value, [...(others.get(one.own.value) || []), one]);
    const begun = [];
    for (const [value, held] of others) {
      const { id } = await ask("POST", `/batches/${batch}/split`, JSON.stringify({ files: held.map((one) => one.number) }));
      for (const one of held) { one.li.remove(); rows.splice(rows.indexOf(one), 1); }
      begun.push([id, value]);
    }
    return [first, begun];
  };
  // What the first files are run as stands in the form from then on.
  const above = (value) => {
    if (value) { [$("preset").value] = value.split(" "); roles(); [, $("role").value] = value.split(" "); }
    for (const one of rows) one.own.value = "";
    return { preset: $("preset").value, role: $("role").value };
  };
  $("fit").addEventListener("click", async () => {
    $("fault").hidden = true;
    try { for (const one of rows) one.fitted = false; watch(await begin(batch, { verb: "fit" })); } catch (error) { fault(error); }
  });
  $("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const verb = event.submitter ? event.submitter.value : "prepare";
    $("fault").hidden = true;
    try {
      const [first, begun] = last && last.state !== "collecting" ? ["", []] : await split();
      const form = { preset: $("preset").value, role: $("role").value };
      const told = await begin(batch, { ...above(first), verb });
      for (const [id, value] of begun) {
        const [preset, role] = value.split(" ");
        await begin(id, { ...(value ? { preset, role } : form), verb });
      }
      if (begun.length) past(await ask("GET", "/batches"));
      $("result").hidden = true;
      rows.forEach((one) => { one.bar.value = SENT; });
      watch(told);
    } catch (error) { fault(error); }
  });
  $("stop").addEventListener("click", () => ask("POST", `/batches/${batch}/stop`).catch(fault));
  $("again").addEventListener("click", async () => { await ask("DELETE", `/batches/${batch}`).catch(() => null); location.hash = ""; location.reload(); });

  const drop = $("drop");
  addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
  // Every file of what was dropped; a folder gives its entries a hundred at a time.
  const inside = async (entry) => {
    if (entry.isFile) return [await new Promise((done, failed) => entry.file(done, failed))];
    const reader = entry.createReader(), found = [];
    for (;;) {
      const some = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!some.length) return found;
      for (const one of some) found.push(...await inside(one));
    }
  };
  addEventListener("drop", async (event) => {
    event.preventDefault(); drop.classList.remove("over");
    if ($("pick").disabled) return;
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry());
    if (entries.every((entry) => entry)) { for (const entry of entries) try { add(await inside(entry)); } catch (error) { fault(error); } }
    else add([...event.dataTransfer.files]);
  });
  for (const id of ["pick", "pickfolder"]) $(id).addEventListener("change", () => { add([...$(id).files]); $(id).value = ""; });

  const roles = () => {
    const held = scenarios.find((one) => one.id === $("preset").value);
    const chosen = $("role").value;
    $("role").replaceChildren();
    for (const role of [{ id: "", en: "by kind of file", zh: "按文件类型" }, ...held.roles]) {
      const option = document.createElement("option");
      option.value = role.id; option.textContent = role[root.dataset.lang];
      $("role").append(option);
    }
    $("role").value = held.roles.some((role) => role.id === chosen) ? chosen : "";
    keep("preset", held.id);
  };
  $("preset").addEventListener("change", roles);
  const tell = () => { const frame = $("report").contentWindow; if (frame) frame.postMessage({ lang: root.dataset.lang, theme: root.dataset.theme }, "*"); };
  $("report").addEventListener("load", tell);
  const speak = (lang) => {
    root.lang = root.dataset.lang = lang;
    tell();
    for (const one of document.querySelectorAll("[data-en]")) one.textContent = one.dataset[lang];
    roles();
    if (last) { show(last); if (forms.length) { draw(); follow(last); } }
  };
  $("lang").addEventListener("click", () => { speak(root.dataset.lang === "zh" ? "en" : "zh"); keep("lang", root.dataset.lang); });
  $("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    keep("theme", root.dataset.theme);
    tell();
  });
  if (kept("theme")) root.dataset.theme = kept("theme");
  if (scenarios.some((one) => one.id === kept("preset"))) $("preset").value = kept("preset");
  const native = (navigator.languages || []).map((one) => one.slice(0, 2)).find((one) => one === "zh" || one === "en");
  speak(kept("lang") || native || root.dataset.lang);

  const again = (told) => {
    take(told.id);
    for (const file of told.files) {
      const shown = row(file.name, file.size);
      arrived(shown, file);
      shown.cuts.value = (told.asked && told.asked.cuts && told.asked.cuts[file.number]) || "";
    }
    if (told.asked && told.asked.preset) { $("preset").value = told.asked.preset; roles(); $("role").value = told.asked.role || ""; choose(told.asked.repairs); }
    ready(); watch(told);
  };
  const past = (listed) => {
    const mine = listed.filter((one) => one.files && one.id !== batch);
    $("past").hidden = !mine.length;
    $("batches").replaceChildren();
    for (const one of mine) {
      const li = document.createElement("li"), a = document.createElement("a"), when = document.createElement("span");
      a.href = `#${one.id}`; a.textContent = one.names.join(", ") + (one.files > one.names.length ? " …" : "");
      a.addEventListener("click", () => setTimeout(() => location.reload()));
      when.textContent = ` · ${new Date(one.made * 1000).toLocaleString()}`; when.className = "rest";
      li.append(a, when);
      $("batches").append(li);
    }
  };
  (async () => {
    const id = location.hash.slice(1);
    if (id) try { again(await ask("GET", `/batches/${id}`)); } catch { history.replaceState(null, "", location.pathname); }
    try { past(await ask("GET", "/batches")); } catch (error) { fault(error); }
  })();
})();
