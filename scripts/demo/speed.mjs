// speed.mjs sink ADDRESS | source ADDRESS SECONDS: one TCP flow, so that the demo needs no iperf3. The source prints
// the bits per second that the sink got.
import { connect, createServer } from 'node:net';

const [role, address, seconds] = process.argv.slice(2);
const PORT = 5201;
const BLOCK = Buffer.alloc(1 << 18, 'vtep');

function sink() {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let bytes = 0;
    socket.on('data', (chunk) => {
      bytes += chunk.length;
    });
    socket.on('end', () => socket.end(`${bytes}`));
    server.close();
  });
  server.listen(PORT, address, () => console.log('listening'));
}

function source() {
  const socket = connect({ port: PORT, host: address }).setEncoding('utf8');
  let began = 0;
  let bytes = '';
  const send = () => {
    if (performance.now() - began > 1000 * Number(seconds)) socket.end();
    else socket.write(BLOCK, send);
  };
  socket.on('connect', () => {
    began = performance.now();
    send();
  });
  socket.on('data', (chunk) => {
    bytes += chunk;
  });
  socket.on('close', () => console.log((Number(bytes) * 8000) / (performance.now() - began)));
  socket.on('error', ({ message }) => {
    console.error(message);
    process.exitCode = 1;
  });
}

if (role === 'sink') sink();
else source();
