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
    waiting: ["Waiting for another run…", "等待其他任务…"], running: ["Working…", "处理中…"],
    reporting: ["Writing the report…", "正在生成报告…"], done: ["Done.", "完成。"], stopped: ["Stopped.", "已停止。"],
  };
  let batch = null, rows = [], sending = 0, timer = 0, last = null;

  const ask = async (method, path, body) => {
    const answer = await fetch(base + path, { method, headers: { "X-Preflight": "1" }, body });
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
    li.append(label, weight, bar, badge);
    $("dropped").append(li);
    return { li, bar, badge, label };
  };
  const send = (file) => new Promise((done) => {
    const shown = row(file.name, file.size);
    const request = new XMLHttpRequest();
    request.open("PUT", `${base}/batches/${batch}/files?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("X-Preflight", "1");
    request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) shown.bar.value = event.loaded / event.total; });
    request.addEventListener("loadend", () => {
      if (request.status === 201) { shown.bar.value = 1; shown.label.textContent = JSON.parse(request.responseText).name; rows.push(shown); }
      else {
        shown.li.remove();
        let told = {};
        try { told = JSON.parse(request.responseText).error; } catch { told = { en: "refused", zh: "被拒绝" }; }
        fault({ en: `${file.name}: ${told.en || "refused"}`, zh: `${file.name}：${told.zh || "被拒绝"}` });
      }
      done();
    });
    request.send(file);
  });
  let queue = Promise.resolve();
  const add = (files) => {
    $("fault").hidden = true;
    for (const file of files) {
      sending += 1; ready();
      queue = queue.then(async () => {
        try { if (!batch) batch = (await ask("POST", "/batches")).id; await send(file); } catch (error) { fault(error); }
        sending -= 1; ready();
      });
    }
  };
  const ready = () => { for (const id of ["prepare", "check"]) $(id).disabled = sending > 0 || !rows.length; };

  const show = (told) => {
    last = told;
    told.files.forEach((file, n) => {
      const shown = rows[n];
      if (!shown) return;
      shown.bar.value = file.fraction;
      shown.li.className = file.status ? `s-${file.status}` : "";
      shown.badge.textContent = file.status ? say(...(words[file.status] || [file.status, file.status])) : "";
    });
    $("state").textContent = states[told.state] ? say(...states[told.state]) : "";
    if (told.error) fault(told.error);
    const over = ["done", "failed", "stopped"].includes(told.state);
    $("stop").hidden = over; $("again").hidden = !over;
    if (over) clearInterval(timer);
    if (told.state === "done") finish(told);
  };
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
    }
  };
  $("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const verb = event.submitter ? event.submitter.value : "prepare";
    $("fault").hidden = true;
    try {
      const told = await ask("POST", `/batches/${batch}/run`, JSON.stringify({ preset: $("preset").value, role: $("role").value, verb, lang: root.dataset.lang }));
      for (const id of ["prepare", "check"]) $(id).hidden = true;
      for (const id of ["preset", "role", "pick"]) $(id).disabled = true;
      $("drop").classList.add("closed");
      rows.forEach((one) => { one.bar.value = 0; });
      show(told);
      timer = setInterval(async () => { try { show(await ask("GET", `/batches/${batch}`)); } catch (error) { clearInterval(timer); fault(error); } }, 400);
    } catch (error) { fault(error); }
  });
  $("stop").addEventListener("click", () => ask("POST", `/batches/${batch}/stop`).catch(fault));
  $("again").addEventListener("click", async () => { await ask("DELETE", `/batches/${batch}`).catch(() => null); location.reload(); });

  const drop = $("drop");
  addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
  addEventListener("drop", (event) => { event.preventDefault(); drop.classList.remove("over"); if (!$("pick").disabled) add([...event.dataTransfer.files]); });
  $("pick").addEventListener("change", () => { add([...$("pick").files]); $("pick").value = ""; });

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
    if (last) show(last);
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
  speak(kept("lang") || root.dataset.lang);
})();
