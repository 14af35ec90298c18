// Echo on Node's loop. usage: node echo.js 127.0.0.1:0 | unix:/path; prints its address.
const net = require("node:net");

const address = process.argv[2] ?? "127.0.0.1:0";
const server = net.createServer({ noDelay: true }, (socket) => {
  socket.on("data", (data) => socket.write(data));
  socket.on("error", () => socket.destroy());
});

if (address.startsWith("unix:")) {
  server.listen(address.slice(5), 1024, () => console.log(address));
} else {
  server.listen(0, "127.0.0.1", 1024, () => console.log(`127.0.0.1:${server.address().port}`));
}
