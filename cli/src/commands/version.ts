import type { Command } from 'commander';

/** Of this command and of every plugin that ships with it. */
export const timonelVersion = '0.1.0';
const kubernetesVersion = '1.35';

export function addVersion(program: Command): void {
  program
    .command('version')
    .description('Print the version')
    .option('-o, --output <format>', 'text or json', 'text')
    .action((flags: { output: string }) => {
      const facts = { timonel: timonelVersion, kubernetesApi: kubernetesVersion, node: process.version };
      process.stdout.write(
        flags.output === 'json'
          ? `${JSON.stringify(facts)}\n`
          : `timonel ${facts.timonel} (Kubernetes API ${facts.kubernetesApi}, Node.js ${facts.node})\n`,
      );
    });
}
