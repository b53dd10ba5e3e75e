// Plug in: a line to copy for every kind of socket, each with this host and port, ticked when such a client arrives.

/** @import { App } from '../app.js' */
/** @import { About, PlugLine } from '../state/types.js' */
import { browser } from '../storage.js';
import { announce, copyText, h, icon, jack, panel } from './dom.js';

/** Between two looks at the server's wires. */
const LOOK_MS = 1_000;

/** The page's own address, without what is shown on it: a proxy may have put it below a path. */
function page() {
  return new URL('.', location.href).href;
}

/** Where clients connect: what the browser's address says, which is known to work. */
function place() {
  const host = location.hostname.replace(/^\[|\]$/g, '');
  const port = location.port || (location.protocol === 'https:' ? '443' : '80');
  const { origin, pathname } = new URL(page());
  return { host, port, tls: location.protocol === 'https:', url: origin, ws: `${page().replace(/^http/, 'ws')}ws`, path: pathname };
}

/** @returns {PlugLine[]} */
export function lines() {
  const { host, port, tls, url, ws, path } = place();
  const via = tls ? 'tls' : 'tcp';
  const pythonTls = tls ? 'import ssl; s=ssl.create_default_context().wrap_socket(s, server_hostname="' + host + '"); ' : '';
  const javaSocket = tls ? `javax.net.ssl.SSLSocketFactory.getDefault().createSocket("${host}", ${port})` : `new java.net.Socket("${host}", ${port})`;
  /** @type {PlugLine[]} */
  const sockets = [
    tls ? { id: 'openssl', name: 'OpenSSL', via, line: `openssl s_client -quiet -connect ${host}:${port}` }
      : { id: 'nc', name: 'nc', via, line: `nc ${host} ${port}` },
    { id: 'python', name: 'Python', via, line: `python3 -c 'import socket; s=socket.create_connection(("${host}", ${port})); ${pythonTls}s.sendall(b"Hello from Python\\n"); print(s.recv(4096).decode())'` },
    { id: 'node', name: 'Node', via, line: `node -e 'const s=require("${tls ? 'tls' : 'net'}").connect(${port},"${host}",()=>s.write("Hello from Node\\n")); s.pipe(process.stdout)'` },
    { id: 'java', name: 'Java', via, line: `${javaSocket}.getOutputStream().write("Hello from Java\\n".getBytes())`, note: 'in jshell' },
    { id: 'udp', name: 'UDP', via: 'udp', line: `nc -u ${host} ${port}` },
  ];
  const isBelow = path !== '/';
  const options = isBelow ? `, { path: "${path}socket.io/" }` : '';
  return [
    // What has the page below a path is a proxy for HTTP alone.
    ...(isBelow ? [] : sockets),
    { id: 'websocket', name: 'WebSocket', via: 'websocket', line: `websocat ${ws}` },
    { id: 'browser', name: 'JavaScript', via: 'websocket', line: `const ws = new WebSocket("${ws}"); ws.onmessage = m => console.log(m.data); ws.onopen = () => ws.send("Hello from JavaScript")` },
    { id: 'socketio', name: 'Socket.IO', via: 'polling', line: `const socket = io("${url}"${options}); socket.emit("message", "Hello from Socket.IO")`, note: 'over WebSocket or long polling' },
    { id: 'chat', name: 'Terminal', via: isBelow ? 'websocket' : via, line: `switchboard chat ${isBelow ? ws : url}` },
  ];
}

/**
 * The line for programs that wait to be spoken to. On the port for everything they would wait long beside this page: a
 * connection that says nothing there may be a browser's.
 * @param {number} port @returns {PlugLine}
 */
export function textLine(port) {
  const { host, tls } = place();
  const line = tls ? `openssl s_client -quiet -connect ${host}:${port}` : `nc ${host} ${port}`;
  return { id: 'text', name: 'Text only', via: tls ? 'tls' : 'tcp', line, note: 'for programs that receive before they send' };
}

/**
 * Which lines have arrived: of several for one transport the one that was copied last, else the first. Socket.IO shares
 * its transports with others, and the name of one that speaks it is known from the server's wires, or not.
 * @param {PlugLine[]} all
 * @param {Record<string, string>} seenVia the nick that was last seen by each transport
 * @param {string[]} copied
 * @param {Iterable<string>} sockets nicks of those who speak Socket.IO
 * @returns {Map<string, string>} by line, whose client arrived
 */
export function arrived(all, seenVia, copied, sockets) {
  const ticks = new Map([...sockets].map((nick) => ['socketio', nick]));
  const known = new Set(sockets);
  for (const [via, nick] of Object.entries(seenVia)) {
    if (known.has(nick)) continue;
    const isSocket = via === 'websocket' && copied.at(-1) === 'socketio';
    const its = all.filter((line) => line.via === via || (isSocket && line.id === 'socketio'));
    const chosen = copied.toReversed().find((id) => its.some((line) => line.id === id)) ?? its[0]?.id;
    if (chosen) ticks.set(chosen, nick);
  }
  return ticks;
}

/** @param {App} app @param {PlugLine} line */
function row(app, line) {
  const code = h('code', { tabindex: '0', role: 'group', 'aria-label': `${line.name}: the line to copy`, dir: 'ltr' }, line.line);
  const button = h('button', { type: 'button', class: 'copy', 'aria-label': `Copy the line for ${line.name}` }, icon('copy'), h('span', { 'aria-hidden': 'true' }, 'Copy'));
  button.addEventListener('click', async () => {
    app.copied = [...app.copied.filter((id) => id !== line.id), line.id];
    const words = await copyText(line.line) ? 'Copied' : 'Not allowed';
    button.replaceChildren(icon(words === 'Copied' ? 'check' : 'close'), h('span', { 'aria-hidden': 'true' }, words));
    announce(words);
    setTimeout(() => button.replaceChildren(icon('copy'), h('span', { 'aria-hidden': 'true' }, 'Copy')), 1_500);
  });
  return h('li', { class: 'plug-line', 'data-line': line.id },
    h('span', { class: 'plug-name' }, jack(line.via, ''), line.name), code, button, h('span', { class: 'tick', role: 'status' }));
}

/** @param {HTMLElement} list @param {PlugLine[]} all @param {App} app */
function keepTicking(list, all, app) {
  const tick = () => {
    if (!list.isConnected) return;
    const ticks = arrived(all, app.session.state.seenVia, app.copied, app.sockets);
    for (const line of all) {
      const item = list.querySelector(`[data-line="${line.id}"]`);
      const place = item?.querySelector('.tick');
      const nick = ticks.get(line.id);
      if (!item || !place) continue;
      const words = nick === undefined ? (line.note ?? '') : `${nick} is here`;
      item.classList.toggle('arrived', nick !== undefined);
      if (place.textContent !== words) place.replaceChildren(...(nick === undefined ? [words] : [icon('check'), h('bdi', null, nick), ' is here']));
    }
    setTimeout(tick, 400);
  };
  // The list is put into the page by whoever asked for it.
  requestAnimationFrame(tick);
}

/** The four lines for whoever is alone. @param {App} app */
export function fewLines(app) {
  const all = lines().filter((line) => ['nc', 'openssl', 'python', 'websocket', 'chat'].includes(line.id));
  const list = h('ul', { class: 'plug-lines' }, ...all.map((line) => row(app, line)));
  keepTicking(list, all, app);
  return list;
}

/** @param {App} app */
export function open(app) {
  const all = lines();
  const list = h('ul', { class: 'plug-lines' }, ...all.map((line) => row(app, line)));
  const phone = h('section', { class: 'phone-part' }, h('h3', null, 'A phone'));
  panel('Plug something in', 'wide', h('p', { class: 'lead' }, 'Everything on this one port talks in the same rooms.'), list, phone);
  keepTicking(list, all, app);
  const about = askAbout();
  drawPhone(phone, about);
  about.then(({ wires, text_port }) => {
    if (wires) findSockets(list, app);
    if (text_port === null) return;
    const line = textLine(text_port);
    all.push(line);
    list.append(row(app, line));
  });
}

/** What the server says of itself. @returns {Promise<About>} */
async function askAbout() {
  try {
    return await (await fetch('about.json')).json();
  } catch {
    // Offline: only what the address says is known.
    return { urls: [], text_port: null, join_code: false, wires: false };
  }
}

/** Looks who speaks Socket.IO, as long as the list is looked at. @param {HTMLElement} list @param {App} app */
async function findSockets(list, app) {
  while (list.isConnected) {
    try {
      /** @type {{ wires: { protocol: string, nick: string | null }[] }} */
      const { wires } = await (await fetch('wires.json')).json();
      for (const { protocol, nick } of wires) if (protocol === 'socketio' && nick !== null) app.sockets.add(nick);
    } catch {
      // The next look may find the server again.
    }
    await new Promise((resolve) => { setTimeout(resolve, LOOK_MS); });
  }
}

/** A picture for a phone's camera. @param {HTMLElement} part @param {Promise<About>} asked */
async function drawPhone(part, asked) {
  const about = await asked;
  const isLocal = /^(localhost|127\.|\[::1\]|.*\.localhost$)/.test(location.hostname);
  const url = isLocal ? about.urls[0] : page();
  if (url === undefined) {
    part.append(h('p', null, 'Phones cannot reach this address. Start the server with ', h('code', null, 'switchboard serve --lan'), ' and a code to scan appears here.'));
    return;
  }
  const pass = browser.get('user')?.pass;
  const address = about.join_code && pass ? `${url}#pass=${encodeURIComponent(pass)}` : url;
  part.append(h('div', { class: 'scan' }, h('img', { src: `qr.svg?text=${encodeURIComponent(address)}`, alt: `QR code of ${url}`, width: 148, height: 148 }),
    h('p', null, 'Scan it, or type ', h('code', null, url), about.join_code ? '. The join code is in the picture.' : '.')));
}
