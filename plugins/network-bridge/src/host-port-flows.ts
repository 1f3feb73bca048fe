/**
 * Clients of UDP that go on sending from one port are one flow to the kernel, which decides once where it leads: whoever has sent to a port
 * of the node before a pod had it would not reach the pod, nor the next pod after it.
 */
import { errorMessage, type Logger } from '@timonel/sdk';
import { familyOf, type HostPort, type IpFamily } from '@timonel/sdk/contracts/network';
import { endOfUdpFlows, type UdpFlows } from '@timonel/sdk/nftables';
import { run } from './command.ts';

export class HostPortFlows {
  readonly #log: Logger;
  #said = '';

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Call when the kernel leads these ports to a pod. */
  async begin(hostPorts: readonly HostPort[], families: readonly IpFamily[]): Promise<void> {
    await this.#end(udpPorts(hostPorts).flatMap((port) => families.map((family) => ({ family, port }))));
  }

  /** Call when the kernel leads these ports to this pod no more. */
  async cease(hostPorts: readonly HostPort[], addresses: readonly string[]): Promise<void> {
    const flowsOf = (port: string): UdpFlows[] =>
      addresses.map((address) => ({ family: familyOf(address), port, replyAddress: address }));
    await this.#end(udpPorts(hostPorts).flatMap(flowsOf));
  }

  async #end(flows: readonly UdpFlows[]): Promise<void> {
    try {
      for (const each of flows) {
        const { status, stderr } = await run('conntrack', endOfUdpFlows(each));
        if (status !== 0 && !stderr.includes(' 0 flow entries')) throw new Error(stderr.trim().slice(0, 500));
      }
      if (flows.length > 0) this.#said = '';
    } catch (error) {
      this.#report(errorMessage(error));
    }
  }

  /** Each problem once, until it is over. */
  #report(problem: string): void {
    if (problem !== this.#said) {
      this.#log.warn(
        { error: problem },
        'UDP clients of host ports whose pod has changed do not reach the new one until they are silent for a while (apt-get install conntrack)',
      );
    }
    this.#said = problem;
  }
}

function udpPorts(hostPorts: readonly HostPort[]): string[] {
  const udp = hostPorts.filter(({ protocol }) => protocol === 'UDP');
  return [...new Set(udp.map(({ hostPort }) => String(hostPort)))];
}
