// The peer `ws`: each WebSocket message goes to all other clients, as its documentation does it. `node ws.mjs PORT`
// prints `peer: ready on 127.0.0.1:PORT`.
import { WebSocket, WebSocketServer } from "ws";

const server = new WebSocketServer({ port: Number(process.argv[2] ?? 0), host: "127.0.0.1", backlog: 4096 });
server.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (data, binary) => {
    for (const client of server.clients) {
      if (client !== socket && client.readyState === WebSocket.OPEN) {
        client.send(data, { binary });
      }
    }
  });
});
server.on("listening", () => console.log(`peer: ready on 127.0.0.1:${server.address().port}`));
