/** Documents of issuers, within bounds: whoever runs one may answer anything, or nothing. */
import { request } from 'node:https';
import type { Timers } from '@timonel/sdk';

const timeLimitMs = 10_000;
const sizeLimit = 1024 * 1024;

export interface FetchParts {
  readonly timers: Timers;
  /** PEM. Absent: the authorities of the machine. */
  readonly ca: string | undefined;
  readonly signal: AbortSignal;
}

/** Redirects are not followed. @throws Error */
export function fetchJson(url: string, { timers, ca, signal }: FetchParts): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = request(url, { signal, agent: false, ...(ca === undefined ? {} : { ca }) }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      if (response.statusCode !== 200) {
        response.destroy();
        reject(new Error(`${url} answers with ${response.statusCode ?? 0}`));
        return;
      }
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > sizeLimit) response.destroy(new Error(`${url} answers with more than ${sizeLimit} bytes`));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => {
        try {
          resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')));
        } catch {
          reject(new Error(`${url} answers with something that is no JSON`));
        }
      });
    });
    const limit = timers.after(timeLimitMs, () => {
      call.destroy(new Error(`${url} does not answer within ${timeLimitMs} ms`));
    });
    call.on('error', reject);
    call.on('close', () => limit.cancel());
    call.end();
  });
}
