import { jest } from '@jest/globals';
import { proxyContract } from '@timonel/testkit/contracts/proxy';

jest.setTimeout(30_000);

proxyContract('userspace', {
  module: new URL('./testing/open-data-plane.ts', import.meta.url).href,
  skip: process.getuid?.() === 0 ? undefined : 'it needs root',
  without: ['SCTP'],
});
