/**
 * Runs a text script of commands and writes down all that happens. A script is blocks: commands, a line `----`, the
 * trace they must give, an empty line. Disks are fast, and messages wait until a command delivers them.
 */
import { emptyConfiguration } from '../membership.ts';
import type { Entry, Message, Proposal, Ready } from '../types.ts';
import { entryText } from './checker.ts';
import { TestCluster } from './test-cluster.ts';
import type { MemberOptions, TestMember } from './test-member.ts';

export class Script {
  #cluster: TestCluster | undefined;
  #trace: string[] = [];
  #context = 0;
  #quiet = false;

  /** The script with the traces that its commands give now. */
  run(text: string): string {
    const blocks = text.trimEnd().split('\n\n');
    return `${blocks.map((block) => this.#block(block)).join('\n\n')}\n`;
  }

  #block(block: string): string {
    const lines = block.split('\n');
    const end = lines.indexOf('----');
    const commands = end < 0 ? lines : lines.slice(0, end);
    if (commands.every((line) => line.startsWith('#'))) return block;
    this.#trace = [];
    for (const line of commands) if (!line.startsWith('#')) this.#command(line.split(' '));
    return [...commands, '----', ...(this.#trace.length > 0 ? this.#trace : ['nothing'])].join('\n');
  }

  #say(line: string): void {
    if (!this.#quiet) this.#trace.push(line);
  }

  get #running(): TestCluster {
    if (this.#cluster === undefined) throw new Error('a script begins with `nodes`');
    return this.#cluster;
  }

  #command([verb = '', ...words]: string[]): void {
    if (verb === 'nodes') {
      this.#start(Number(words[0]), words.slice(1));
      return;
    }
    this.#act(verb, words);
    this.#running.work();
  }

  #start(count: number, options: readonly string[]): void {
    const pairs = options.map((option) => option.split('='));
    this.#cluster = new TestCluster({
      founders: Array.from({ length: count }, (_, at) => String(at + 1)),
      // Elections start after 15 ticks, and promises to a leader end after 10.
      random: (bound) => Math.floor(bound / 2),
      options: Object.fromEntries(pairs.map(([key, value]) => [key, Number(value)])) as MemberOptions,
      onReady: (member, ready) => this.#onReady(member, ready),
      onApplied: ({ id }, entry) => this.#say(`${id} applies ${entryLine(entry)}`),
    });
    this.#say(`${count} followers`);
  }

  #act(verb: string, words: readonly string[]): void {
    const cluster = this.#running;
    const [first = '', second = ''] = words;
    switch (verb) {
      case 'campaign':
        cluster.member(first).raft.campaign();
        return;
      case 'tick':
        cluster.member(first).raft.tick(Number(second || 1));
        return;
      case 'tick-all':
        for (const { raft } of cluster.running) raft.tick(Number(first || 1));
        return;
      case 'deliver':
        this.#deliver(first, second);
        return;
      case 'lose':
        this.#lose(first, second);
        return;
      case 'settle':
        cluster.settle();
        return;
      case 'settle-quietly':
        this.#quiet = true;
        cluster.settle();
        this.#quiet = false;
        return;
      case 'drop':
        cluster.cut.add(`${first}>${second}`).add(`${second}>${first}`);
        return;
      case 'drop-from':
        cluster.cut.add(`${first}>${second}`);
        return;
      case 'heal':
        cluster.cut.clear();
        return;
      case 'slow-disk':
        cluster.member(first).fastDisk = false;
        return;
      case 'sync':
        cluster.member(first).sync(Number(second || 1));
        return;
      case 'crash':
        cluster.member(first).crash(0);
        return;
      case 'restart':
        cluster.member(first).start();
        return;
      case 'flush-state':
        cluster.member(first).flushState();
        return;
      default:
        this.#ask(verb, words);
    }
  }

  #ask(verb: string, words: readonly string[]): void {
    const cluster = this.#running;
    const [first = '', second = '', third = ''] = words;
    switch (verb) {
      case 'propose':
        this.#say(`${first}: ${JSON.stringify(cluster.member(first).raft.propose([proposal(second, third)]))}`);
        return;
      case 'read':
        cluster.read(first, ++this.#context, second === 'lease' ? 'lease' : 'quorum');
        return;
      case 'transfer':
        this.#say(`${first}: ${JSON.stringify(cluster.member(first).raft.transferLeadership(second))}`);
        return;
      case 'join':
        cluster.join(first);
        return;
      case 'change': {
        const change = {
          addLearners: [] as { id: string; address: string }[],
          promote: [] as string[],
          remove: [] as string[],
        };
        for (const word of words.slice(1)) {
          const id = word.slice(1);
          if (word.startsWith('+')) change.addLearners.push({ id, address: `host-${id}` });
          else (word.startsWith('^') ? change.promote : change.remove).push(id);
        }
        this.#say(`${first}: ${JSON.stringify(cluster.member(first).raft.changeMembership(change))}`);
        return;
      }
      case 'status':
        for (const member of cluster.running) if (first === '' || first === member.id) this.#say(statusLine(member));
        return;
      default:
        throw new Error(`there is no command ${verb}`);
    }
  }

  /** Those on their way now, of one link or all; what they cause waits. */
  #deliver(from: string, to: string): void {
    const cluster = this.#running;
    const chosen = this.#take(from, to);
    for (const message of chosen) {
      this.#say(`${message.from}>${message.to} ${messageText(message)}`);
      cluster.deliver(message);
    }
  }

  #lose(from: string, to: string): void {
    for (const message of this.#take(from, to)) this.#say(`lost ${message.from}>${message.to} ${messageText(message)}`);
  }

  #take(from: string, to: string): Message[] {
    const cluster = this.#running;
    const chosen = cluster.network.filter((one) => (from === '' || one.from === from) && (to === '' || one.to === to));
    cluster.network = cluster.network.filter((one) => !chosen.includes(one));
    return chosen;
  }

  #onReady({ id }: TestMember, ready: Ready): void {
    const { softState, hardState } = ready;
    if (softState !== undefined) {
      this.#say(`${id} is ${softState.role} in term ${softState.term}, leader ${softState.leader ?? 'unknown'}`);
    }
    if (hardState !== undefined)
      this.#say(`${id} persists term ${hardState.term} vote ${hardState.votedFor ?? 'none'}`);
    for (const entry of ready.entries) this.#say(`${id} persists ${entryLine(entry)}`);
    for (const message of ready.messages) this.#say(`${id} sends ${message.to} ${messageText(message)}`);
    for (const { context, index } of ready.reads) this.#say(`${id} may read ${context} at ${index ?? 'no index'}`);
    for (const { reason } of ready.refused) this.#say(`${id} hears that its proposal was refused: ${reason}`);
    for (const { to, offset } of ready.snapshotReads) this.#say(`${id} reads a snapshot for ${to} from ${offset}`);
    for (const { snapshot, offset, last } of ready.snapshotChunks) {
      this.#say(
        `${id} stores a piece of snapshot ${snapshot.index}/${snapshot.term} from ${offset}${last ? ', the last' : ''}`,
      );
    }
    if (ready.compactedTo !== undefined) this.#say(`${id} compacts its log up to ${ready.compactedTo.index}`);
  }
}

function proposal(text: string, id: string): Proposal {
  if (text === 'register') return { type: 'register', nonce: 'client' };
  const [session, sequence] = id.split('.').map(Number);
  const data = Buffer.from(text);
  if (session === undefined || sequence === undefined) return { type: 'command', data };
  return { type: 'command', id: { session, sequence, floor: 1 }, data };
}

function entryLine(entry: Entry): string {
  return `${entry.index}/${entry.term} ${entryText(entry)}`;
}

function statusLine({ id, raft, hash }: TestMember): string {
  const { role, term, commit, lastIndex, configuration, progress } = raft.status();
  const { voters, outgoing, learners } = { ...emptyConfiguration, ...configuration };
  const lists = [`voters ${voters.join(' ')}`];
  if (outgoing.length > 0) lists.push(`outgoing ${outgoing.join(' ')}`);
  if (learners.length > 0) lists.push(`learners ${learners.join(' ')}`);
  const others = progress.map((one) => `, ${one.id} ${one.state} ${one.match}`).join('');
  return `${id} ${role} term ${term} commit ${commit} last ${lastIndex} state ${hash} ${lists.join(' ')}${others}`;
}

export function messageText(message: Message): string {
  const head = `${message.type} term ${message.term}`;
  switch (message.type) {
    case 'voteRequest':
      return `${head}${message.preVote ? ' pre' : ''}${message.transfer ? ' transfer' : ''} last ${message.lastIndex}/${message.lastTerm}`;
    case 'voteResponse':
      return `${head}${message.preVote ? ' pre' : ''} ${message.granted ? 'granted' : 'denied'}`;
    case 'appendRequest': {
      const list = message.entries.map(({ index, term }) => `${index}/${term}`).join(' ');
      return `${head} after ${message.prevIndex}/${message.prevTerm} [${list}] commit ${message.commit} round ${message.round}`;
    }
    case 'appendResponse': {
      const { result } = message;
      if (result.type === 'accepted') return `${head} accepted ${result.index} round ${message.round}`;
      return `${head} rejected ${result.prevIndex} hint ${result.index}/${result.hintTerm} round ${message.round}`;
    }
    case 'heartbeatRequest':
      return `${head} commit ${message.commit} round ${message.round}`;
    case 'heartbeatResponse':
      return `${head} round ${message.round}`;
    case 'snapshotRequest': {
      const { snapshot, offset, data, last } = message;
      return `${head} ${snapshot.index}/${snapshot.term} bytes ${offset}+${data.byteLength}${last ? ' last' : ''}`;
    }
    case 'snapshotResponse':
      return `${head} has ${message.offset}`;
    case 'readRequest':
      return `${head} ${message.context} ${message.mode}`;
    case 'readResponse':
      return `${head} ${message.context} at ${message.index ?? 'no index'}`;
    case 'forwardRefusal':
      return `${head} ${message.reason}`;
    default:
      return head;
  }
}
