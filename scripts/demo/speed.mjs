// speed.mjs sink|source ADDRESS: one TCP flow for two seconds, so that the demo needs no iperf3.
import { connect, createServer } from 'node:net';

const [role, address] = process.argv.slice(2);
const PORT = 5201;
const SECONDS = 2;

if (role === 'sink') {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let bytes = 0;
    socket.on('data', (chunk) => {
      bytes += chunk.length;
    });
    socket.on('end', () => socket.end(`${bytes}`));
    server.close();
  });
  server.listen(PORT, address, () => console.log('listening'));
} else {
  const socket = connect({ port: PORT, host: address });
  const block = Buffer.alloc(1 << 18, 'vtep');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  socket.on('connect', () => {
    const began = process.hrtime.bigint();
    const send = () => {
      if (process.hrtime.bigint() - began > BigInt(SECONDS) * 1_000_000_000n) return socket.end();
      socket.write(block, send);
    };
    send();
    socket.on('close', () => {
      const seconds = Number(process.hrtime.bigint() - began) / 1e9;
      console.log(`${((Number(answer) * 8) / seconds / 1e9).toFixed(2)} Gbit/s`);
    });
  });
}
