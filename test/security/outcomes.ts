import { errorMessage } from '@timonel/sdk';
import type { Attack, Outcome } from './attack.ts';
import { attacks } from './attacks/index.ts';
import { openNode, type AttackedNode, type RuntimeName } from './nodes.ts';

/** Whether the attack is stopped, and the node goes on after it. */
async function outcomeOf(node: AttackedNode, attack: Attack): Promise<Outcome> {
  try {
    const outcome = await attack.run(node.bed);
    await node.bed.works();
    await node.clean();
    return outcome;
  } catch (error) {
    await node.clean().catch(() => undefined);
    return { stopped: false, how: errorMessage(error) };
  }
}

/** What becomes of each attack with this runtime. */
export async function outcomes(
  name: RuntimeName,
  onOutcome: (attack: Attack, outcome: Outcome) => void,
  wanted: RegExp = /./,
): Promise<void> {
  const node = await openNode(name);
  try {
    const asked = attacks.filter((each) => wanted.test(each.name) && (each.ofNode !== true || name === 'timonel'));
    for (const attack of asked) {
      onOutcome(attack, await outcomeOf(node, attack));
    }
  } finally {
    await node.close();
  }
}
