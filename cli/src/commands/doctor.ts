import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { defaultDataDir } from '../cluster/data-dir.ts';
import { hasProgram, isRoot } from '../cluster/host.ts';
import { networkFeatures } from '../cluster/network-features.ts';
import { certificateChecks } from '../doctor/certificates.ts';
import type { Ranges } from '../doctor/finding.ts';
import { networkView } from '../doctor/network-view.ts';
import { defaultRanges, obstacles } from '../doctor/obstacles.ts';
import { examineRootless, rootlessProblem } from '../rootless/requirements.ts';
import { formatTable } from '../output/table.ts';
import { exitCodes } from '../errors.ts';

interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** A cluster can run without it. */
  readonly optional: boolean;
  readonly detail: string;
  /** What to do when it is missing. */
  readonly fix: string;
}

interface DoctorFlags {
  readonly output: string;
  readonly dataDir?: string;
  readonly clusterCidr: string;
  readonly serviceCidr: string;
}

function programCheck(name: string, debianPackage: string, optional: boolean, use: string): Check {
  const ok = hasProgram(name);
  return { name: `program ${name}`, ok, optional, detail: use, fix: ok ? '' : `apt-get install ${debianPackage}` };
}

/** What is in the way on root's machine; an ordinary user's node has a network of its own. */
async function obstacleChecks(ranges: Ranges): Promise<readonly Check[]> {
  return isRoot() ? obstacles(networkView(), ranges) : [];
}

/** What the kernel must have for the programs that are there. */
async function networkChecks(): Promise<readonly Check[]> {
  const features = await networkFeatures({
    ip: hasProgram('ip'),
    nft: hasProgram('nft'),
    wg: hasProgram('wg'),
    wireguardGo: hasProgram('wireguard-go'),
  });
  return features.map((feature) => ({ ...feature, optional: feature.optional ?? !isRoot() }));
}

function rootCheck(isIsolated: boolean): Check {
  const common = { name: 'root', ok: isRoot(), optional: true };
  if (isRoot()) return { ...common, detail: 'yes', fix: '' };
  return isIsolated
    ? {
        ...common,
        detail: 'no: containers run in namespaces of this user',
        fix: 'nothing, or run as root for limits and several nodes',
      }
    : {
        ...common,
        detail: 'no: pods run as plain processes, without isolation',
        fix: 'what is said below, or run as root',
      };
}

/** Of an ordinary user: what its namespaces can do. */
function rootlessChecks(): readonly Check[] {
  const prefixed = examineRootless().map((check) => ({ ...check, name: `rootless: ${check.name}` }));
  // Without any of it pods are plain processes.
  return prefixed.map((check) => ({ ...check, optional: true }));
}

/** Those of the runtime that speak of root's machine. */
const ofRoot: ReadonlySet<string> = new Set(['overlay', 'cgroups']);

/** Everything the machine must have or may have. */
export async function examineHost(ranges: Ranges = defaultRanges): Promise<readonly Check[]> {
  const { checkHost } = await import('@timonel/plugin-runtime-linux');
  const runtime = (await checkHost()).filter(({ name }) => name !== 'root' && (isRoot() || !ofRoot.has(name)));
  const rootless = isRoot() ? [] : rootlessChecks();
  const major = Number(process.versions.node.split('.')[0]);
  return [
    {
      name: 'Node.js',
      ok: major >= 20,
      optional: false,
      detail: process.version,
      fix: major >= 20 ? '' : 'install Node.js 20.19 or newer',
    },
    rootCheck(!isRoot() && rootlessProblem() === undefined),
    ...rootless,
    // A user can do without: pods are plain processes then.
    ...runtime.map((check) => ({ ...check, optional: !isRoot() })),
    programCheck('ip', 'iproute2', !isRoot(), 'pod network'),
    programCheck(
      'nft',
      'nftables',
      true,
      'services in the kernel; without it a slower proxy in user space serves them',
    ),
    programCheck(
      'conntrack',
      'conntrack',
      true,
      'UDP clients of services; without it they stay with pods that are gone until they are silent for a while',
    ),
    ...(await networkChecks()),
    ...(await obstacleChecks(ranges)),
  ];
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('Check what this machine has of what a node needs')
    .option('--data-dir <dir>', 'where a cluster keeps everything, for its certificates (default: as for `timonel up`)')
    .option('--cluster-cidr <cidr>', 'addresses of pods that are meant', defaultRanges.pods)
    .option('--service-cidr <cidr>', 'addresses of services that are meant', defaultRanges.services)
    .addOption(new Option('-o, --output <format>', 'table or json').choices(['table', 'json']).default('table'))
    .addHelpText(
      'after',
      '\nLooks also at what is in the way: rules of Docker, ufw, firewalld and others that turn away packets of pods, routes into the addresses of the cluster, ports that are taken, and at certificates of the data directory that were not renewed in time. Changes nothing.\n\nExits with 1 when something necessary is missing, or in the way.\n\nExamples:\n  timonel doctor\n  timonel doctor --cluster-cidr 10.32.0.0/16 --service-cidr 10.33.0.0/16',
    )
    .action(async (flags: DoctorFlags) => {
      const host = await examineHost({ pods: flags.clusterCidr, services: flags.serviceCidr });
      const checks = [...host, ...certificateChecks(resolve(flags.dataDir ?? defaultDataDir()), Date.now())];
      const text =
        flags.output === 'json'
          ? JSON.stringify(checks, null, 2)
          : formatTable(
              ['CHECK', 'FOUND', 'DETAIL', 'WHAT TO DO'],
              checks.map((check) => [
                check.name,
                check.ok ? 'yes' : check.optional ? 'no (optional)' : 'NO',
                check.detail,
                check.fix,
              ]),
            );
      process.stdout.write(`${text}\n`);
      if (checks.some((check) => !check.ok && !check.optional)) process.exitCode = exitCodes.failure;
    });
}
