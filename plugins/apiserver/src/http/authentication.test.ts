import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import type { Clock, Many } from '@timonel/sdk';
import type { Authenticator } from '@timonel/sdk/contracts/auth';
import { authenticate } from './authentication.ts';

describe('a token that was taken back', () => {
  it('counts for another second on its connection, wherever the wall clock jumps to', async () => {
    const at = { wall: 1_000_000, ms: 0 };
    const clock = { now: () => at.wall, monotonic: () => at.ms } as Clock;
    let valid = true;
    let asked = 0;
    const service: Authenticator = {
      authenticate() {
        asked += 1;
        const user = { username: 'jane', groups: [] } as never;
        return Promise.resolve(valid ? { outcome: 'authenticated', user } : { outcome: 'rejected', reason: 'gone' });
      },
    } as never;
    const providers = [{ service }];
    const authenticators = { all: () => providers } as unknown as Many<Authenticator>;
    const request = { headers: { authorization: 'Bearer t' }, socket: {} } as unknown as IncomingMessage;
    await authenticate(request, authenticators, clock);
    valid = false;
    at.ms = 1000;
    at.wall += 3_600_000;
    await expect(authenticate(request, authenticators, clock)).resolves.toMatchObject({ username: 'jane' });
    expect(asked).toBe(1);
    at.ms = 1001;
    at.wall -= 7_200_000;
    await expect(authenticate(request, authenticators, clock)).rejects.toMatchObject({ reason: 'Unauthorized' });
  });
});
