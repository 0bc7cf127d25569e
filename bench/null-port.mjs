// A port that swallows everything: what is measured is the way there. While `digest` is a number it looks at each item
// first, as `twin/datapath.h` does, so that both sides can be seen to carry the same.
export class NullPort {
  failures = 0;
  failed = new Int32Array(2);
  sourcePorts = [];
  digest = undefined;

  bind() {}

  receive() {
    return 0;
  }

  transmit(batch, from, to) {
    if (this.digest !== undefined) for (let i = from; i < to; i++) this.#look(batch, i);
    return 0;
  }

  close() {}

  #look(batch, i) {
    const { view } = batch.pool;
    const at = batch.offset(i);
    const own = [batch.slot[i], batch.start[i], batch.length[i], batch.target[i], batch.flow[i]];
    for (const word of [...own, view.getInt32(at), view.getInt32(at + 4)])
      this.digest = Math.imul(this.digest ^ word, 0x01000193);
  }
}
