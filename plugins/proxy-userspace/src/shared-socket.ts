/**
 * Sockets that the data planes of this process share. While one proxy replaces another, both want the same address and port, which
 * the kernel gives only once: the newest holder gets what arrives, and the socket closes with the last.
 */

/** What is shared: a listening server or a bound UDP socket. */
export interface Shareable {
  listen(): Promise<void>;
  close(): void;
}

interface Entry<S extends Shareable, H> {
  readonly socket: S;
  readonly holders: H[];
  readonly ready: Promise<void>;
}

export interface Share<S> {
  readonly socket: S;
  /** A second call does nothing. */
  release(): void;
}

export class SharedSockets<S extends Shareable, H> {
  readonly #entries = new Map<string, Entry<S, H>>();

  /** @throws the system's error, for example EADDRINUSE */
  async share(key: string, holder: H, make: (current: () => H | undefined) => S): Promise<Share<S>> {
    const entry = this.#entries.get(key) ?? this.#make(key, make);
    entry.holders.push(holder);
    const release = (): void => this.#release(key, entry, holder);
    try {
      await entry.ready;
    } catch (error) {
      release();
      throw error;
    }
    return { socket: entry.socket, release };
  }

  #make(key: string, make: (current: () => H | undefined) => S): Entry<S, H> {
    const holders: H[] = [];
    const socket = make(() => holders.at(-1));
    const entry = { socket, holders, ready: socket.listen() };
    this.#entries.set(key, entry);
    return entry;
  }

  #release(key: string, entry: Entry<S, H>, holder: H): void {
    const index = entry.holders.indexOf(holder);
    if (index === -1) return;
    entry.holders.splice(index, 1);
    if (entry.holders.length > 0) return;
    entry.socket.close();
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }
}
