import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { AddressLink } from '@timonel/sdk/command';
import { LinkAddresses } from './link-addresses.ts';

const path = process.env['PATH'];
let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'timonel-link-addresses-'));
});
afterEach(async () => {
  process.env['PATH'] = path;
  await rm(directory, { recursive: true, force: true });
});

it('keep the link while addresses cannot be withdrawn, so that it is known whose they are', async () => {
  const info = [{ local: 'fd00::1', prefixlen: 128, scope: 'global', deprecated: true }];
  const rows = JSON.stringify(['held', 'eth0'].map((ifname) => ({ ifname, addr_info: info })));
  const said = join(directory, 'said');
  const script = `#!/bin/sh\necho "$@" >> ${said}\ncase "$*" in *show*) echo '${rows}';; *-batch*) exit 1;; esac\n`;
  await writeFile(join(directory, 'ip'), script, { mode: 0o755 });
  process.env['PATH'] = `${directory}:${path}`;
  const addresses = new LinkAddresses(new AddressLink('held'));
  await expect(addresses.set(new Set())).rejects.toThrow('ip address delete failed with status 1');
  expect(await readFile(said, 'utf8')).not.toContain('link delete');
});
