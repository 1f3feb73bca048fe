/** Tokens and whom they belong to. Look-up takes the same time whether and where a token differs. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { UserInfo } from '@timonel/sdk/contracts/auth';

export interface TokenEntry {
  readonly token: string;
  readonly user: UserInfo;
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

export class TokenTable {
  readonly #entries: readonly { readonly digest: Buffer; readonly user: UserInfo }[];

  constructor(entries: readonly TokenEntry[]) {
    this.#entries = entries.map(({ token, user }) => ({ digest: digest(token), user }));
  }

  find(token: string): UserInfo | undefined {
    const given = digest(token);
    let found: UserInfo | undefined;
    for (const entry of this.#entries) if (timingSafeEqual(entry.digest, given)) found ??= entry.user;
    return found;
  }
}
