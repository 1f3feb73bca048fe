import { tombstone, type KeyValue, type StoreEvent } from '@timonel/sdk/contracts/store';
import type { EtcdEvent, EtcdKeyValue } from './wire/messages.ts';

/** The part of etcd's keys that is the store's: those that begin with a prefix, which callers never see. */
export class KeySpace {
  readonly #prefix: Buffer;

  constructor(prefix: string) {
    this.#prefix = Buffer.from(prefix, 'utf8');
  }

  toEtcd(key: string): Buffer {
    return Buffer.concat([this.#prefix, Buffer.from(key, 'utf8')]);
  }

  /** The range of all keys with a prefix. */
  range(prefix: string, startKey: string = prefix): { readonly key: Buffer; readonly rangeEnd: Buffer } {
    const key = this.toEtcd(startKey);
    // An empty key is no key for etcd; the zero byte is the first that there is.
    return { key: key.length === 0 ? Buffer.from([0]) : key, rangeEnd: after(this.toEtcd(prefix)) };
  }

  /** Undefined for a key that is not the store's. */
  toKeyValue(kv: EtcdKeyValue): KeyValue | undefined {
    const { length } = this.#prefix;
    if (kv.key.length < length || this.#prefix.compare(kv.key, 0, length) !== 0) return undefined;
    return { ...kv, key: kv.key.toString('utf8', length) };
  }

  toEvent(event: EtcdEvent): StoreEvent | undefined {
    const kv = this.toKeyValue(event.kv);
    if (kv === undefined) return undefined;
    const prevKv = event.prevKv === undefined ? undefined : this.toKeyValue(event.prevKv);
    return { type: event.type, kv: event.type === 'put' ? kv : tombstone(kv.key, kv.modRevision), prevKv };
  }
}

/** The first key after all that begin with `prefix`; a zero byte when there is none. */
function after(prefix: Buffer): Buffer {
  for (let at = prefix.length - 1; at >= 0; at--) {
    const byte = prefix[at] ?? 0xff;
    if (byte === 0xff) continue;
    const end = Buffer.from(prefix.subarray(0, at + 1));
    end[at] = byte + 1;
    return end;
  }
  return Buffer.from([0]);
}
