// Opens the connection while the rest of the page is on its way. A socket that has said nothing is nobody: the page
// says hello on it when its modules are here, or a new one is opened.

try {
  // Where WebSockets are blocked, the page knows a way already.
  if (sessionStorage.getItem('switchboard.carrier') === null) {
    Object.assign(window, { early: new WebSocket(`${location.origin.replace(/^http/, 'ws')}/ws`, 'json') });
  }
} catch {
  // A browser that keeps nothing for pages: the page itself connects a little later.
}
