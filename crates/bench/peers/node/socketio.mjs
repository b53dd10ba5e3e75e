// The peer `socket.io`: each text that a client emits as `message` goes to all other clients, as its documentation does
// it. `node socketio.mjs PORT` prints `peer: ready on 127.0.0.1:PORT`.
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
// Between two messages a polling client's second connection may be silent for longer than Node's five seconds.
http.keepAliveTimeout = 600_000;
const io = new Server(http, { serveClient: false, maxHttpBufferSize: 1e8 });
io.on("connection", (socket) => {
  socket.on("message", (text) => socket.broadcast.emit("message", text));
});
http.listen({ port: Number(process.argv[2] ?? 0), host: "127.0.0.1", backlog: 4096 }, () => {
  console.log(`peer: ready on 127.0.0.1:${http.address().port}`);
});
