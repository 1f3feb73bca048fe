import { Duplex } from 'node:stream';

/** Two ends of a connection in memory, with back-pressure. */
export function duplexPair(): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const end = (index: number): Duplex => {
    const made = new Duplex({
      read: () => void made.emit('room'),
      write(chunk: Buffer, _encoding, done) {
        const other = ends[1 - index];
        if (other === undefined || other.destroyed) done(new Error('the other end is closed'));
        else if (other.push(chunk)) done();
        else other.once('room', () => done());
      },
      final(done) {
        ends[1 - index]?.push(null);
        done();
      },
      destroy(error, done) {
        // As with sockets, the other side sees it a moment later.
        setImmediate(() => ends[1 - index]?.destroy());
        made.emit('room');
        done(error);
      },
    });
    return made;
  };
  const [near, far] = [end(0), end(1)];
  ends.push(near, far);
  return [near, far];
}
