// Opens the connection while the rest of the page is on its way. A socket that has said nothing is nobody: the page
// says hello on it when its modules are here, or a new one is opened.

try {
  // Where WebSockets are blocked, the page knows a way already; it keeps that under the name that storage.js gives it.
  const folder = location.pathname.replace(/[^/]*$/, '');
  if (sessionStorage.getItem(`switchboard${folder === '/' ? '' : folder}.carrier`) === null) {
    Object.assign(window, { early: new WebSocket(new URL('ws', location.href).href.replace(/^http/, 'ws'), 'json') });
  }
} catch {
  // A browser that keeps nothing for pages: the page itself connects a little later.
}
