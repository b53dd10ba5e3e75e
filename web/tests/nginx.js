// A real nginx in front of a server, with the page below a path, as people put it beside other things on one host.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A port that was free a moment ago. @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = /** @type {net.AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

/**
 * Starts nginx with these locations. Its process is the only one, so that nothing of it outlives a test.
 * @param {string} locations
 */
export async function nginx(locations) {
  const folder = mkdtempSync(join(tmpdir(), 'switchboard-nginx-'));
  const port = await freePort();
  const file = join(folder, 'nginx.conf');
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ');
  writeFileSync(file, `
    error_log stderr notice;
    pid ${folder}/pid;
    events { worker_connections 512; }
    http {
      access_log off;
      ${places}
      map $http_upgrade $connection_upgrade { default upgrade; '' close; }
      server { listen 127.0.0.1:${port}; ${locations} }
    }`);
  const child = spawn('nginx', ['-e', 'stderr', '-c', file, '-g', 'daemon off; master_process off;'], { stdio: ['ignore', 'ignore', 'pipe'] });
  process.once('exit', () => child.kill('SIGKILL'));
  const ended = new Promise((resolve) => { child.once('exit', resolve); });
  await new Promise((resolve, reject) => {
    let said = '';
    child.once('error', () => reject(new Error('nginx is not installed (Debian package nginx-light)')));
    child.once('exit', () => reject(new Error(`nginx ended:\n${said}`)));
    child.stderr.on('data', (bytes) => {
      said += bytes;
      // It says its version when it listens.
      if (/nginx\/\d/.test(said)) resolve(undefined);
    });
  });
  return {
    port, origin: `http://127.0.0.1:${port}`,
    async stop() {
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * A location that hands everything below a path on to a server, without the path.
 * @param {string} path
 * @param {number} to
 * @param {{ webSockets?: boolean }} [options]
 */
export function below(path, to, { webSockets = true } = {}) {
  const upgrade = 'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;';
  return `location ${path} { proxy_pass http://127.0.0.1:${to}/; proxy_set_header Host $http_host; ${webSockets ? upgrade : ''} }`;
}
