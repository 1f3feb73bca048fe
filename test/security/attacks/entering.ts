import { readdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../../sdk/testkit/src/until.ts';
import { judge, stopped, through, type Attack } from '../attack.ts';
import { settings, type AttackBed } from '../bed.ts';
import { within } from '../deadline.ts';

const area = 'Entering a container';

/** Sessions in a container whose processes look at whoever comes: has a program of the node other times afterwards? */
async function enterWatched(bed: AttackBed, container: string, command: readonly string[]): Promise<boolean> {
  const before = bed.programs.map((path) => statSync(path));
  for (let i = 0; i < 6; i++) await within(bed.exec(container, command).catch(() => ''));
  const changed = bed.programs.filter((path, i) => statSync(path).mtimeMs !== before[i]?.mtimeMs);
  for (const path of changed) utimesSync(path, before[0]?.atime ?? 0, before[bed.programs.indexOf(path)]?.mtime ?? 0);
  return changed.length > 0;
}

async function sessionEnd(bed: AttackBed, id: string, command: readonly string[], tty: boolean): Promise<string> {
  const session = await bed.runtime.exec(id, { command, tty, stdin: false }).catch(() => undefined);
  if (session === undefined) return 'refused';
  session.stdout.resume();
  session.stderr?.resume();
  if ((await within(session.exited)) !== 'too late') return 'ended';
  session.kill();
  return (await within(session.exited)) === 'too late' ? 'cannot be ended' : 'waits until it is ended';
}

export const enteringAttacks: readonly Attack[] = [
  {
    name: "overwrite the runtime's program (CVE-2019-5736)",
    area,
    what: 'sessions that run `#!/proc/self/exe`, while a process of the container holds the program of each newcomer and changes its times: are those of a program of the node others?',
    protection: 'the program runs from a read-only, sealed or private copy; not dumpable',
    async run(bed) {
      const image = bed.image((layer) => writeFileSync(join(layer, 'evil'), '#!/proc/self/exe\n', { mode: 0o755 }));
      const id = await bed.start(['attacker', 'watch', bed.host.mark], { image });
      await bed.printed(id, 'watching');
      const changed = (await enterWatched(bed, id, ['/evil'])) || (await enterWatched(bed, id, ['true']));
      const output = await bed.textOf(id);
      if (changed) return through('a program of the node was changed');
      return output.includes(bed.host.secret)
        ? through("read through the newcomer's root")
        : stopped('nothing of the node was reached');
    },
  },
  {
    name: 'look into a process that enters, with CAP_SYS_PTRACE',
    area,
    what: 'root and program of each newcomer: is the mark of the node read by it?',
    protection: 'it is not dumpable until its execve, and has joined all namespaces first',
    async run(bed) {
      const id = await bed.start(['attacker', 'watch', bed.host.mark], settings({ addCapabilities: ['SYS_PTRACE'] }));
      await bed.printed(id, 'watching');
      const changed = await enterWatched(bed, id, ['true']);
      const output = await bed.textOf(id);
      return changed || output.includes(bed.host.secret)
        ? through('reached the node')
        : stopped('nothing of the node was reached');
    },
  },
  {
    name: 'begin in a directory of the node (CVE-2024-21626)',
    area,
    what: 'working directories /proc/self/fd/3 to 15: is the mark of the node above?',
    protection: 'no descriptor of the node is open; the working directory must have a path in the root',
    async run(bed) {
      const sandbox = await bed.sandbox();
      const words = ['attacker', 'climb', bed.host.mark];
      const all = [];
      for (let fd = 3; fd < 16; fd++) all.push(await bed.tried(words, { workingDir: `/proc/self/fd/${fd}` }, sandbox));
      const texts = all.map((each) => (typeof each === 'string' ? 'refused' : each.output));
      return texts.some((text) => text.includes(bed.host.secret))
        ? through('read a file of the node')
        : stopped([...new Set(texts)].join(', '));
    },
  },
  {
    name: 'have a session begin in a directory of the node',
    area,
    what: 'the working directory becomes a link to /proc/self/fd/3 to 15 before sessions begin',
    protection: 'no descriptor of the node is open; the working directory must have a path in the root',
    async run(bed) {
      const script =
        'for i in 3 4 5 6 7 8 9 10 11 12 13 14 15; do rm -rf /w; ln -s /proc/self/fd/$i /w; echo is $i; read -r x; done; sleep 100';
      const id = await bed.start(['sh', '-c', script], { workingDir: '/w', stdin: true });
      const input = await bed.runtime.attach(id, { stdin: true });
      const texts = [];
      for (let fd = 3; fd < 16; fd++) {
        await bed.printed(id, `is ${fd}`);
        texts.push(await bed.exec(id, ['attacker', 'climb', bed.host.mark]).catch(() => 'refused'));
        input.stdin?.write('\n');
      }
      input.kill();
      return texts.some((text) => text.includes(bed.host.secret))
        ? through('read a file of the node')
        : stopped('refused, or stays in its own root');
    },
  },
  {
    name: 'use descriptors that were left open',
    area,
    what: 'what the first process and a session have beyond their three, and what is above where those lead',
    protection: 'close_range before execve',
    async run(bed) {
      const first = await bed.attempt([['inherited', bed.host.mark]]);
      const id = await bed.start(['sleep', '100']);
      const session = await bed.exec(id, ['attacker', 'inherited', bed.host.mark]);
      const pid = (await bed.runtime.containerStatus(id))?.pid;
      const held = readdirSync(`/proc/${pid}/fd`).length;
      return held > 3 ? through(`${held} descriptors`) : judge(`${first}\n${session}`);
    },
  },
  {
    name: 'a session in a root that was made hostile',
    area,
    what: 'shell, users, terminals and libraries become FIFOs, devices and links without end; does the node get out again?',
    protection: 'nothing of the root is waited for; the session can be ended',
    elsewhere:
      'runc looks the user up in the container’s /etc/passwd once it has joined the container, and opens it as it is: a FIFO that nobody writes to holds up a session until that is broken off, by who asked for it or by the deadline of a probe. The node is not held up.',
    async run(bed) {
      const script = [
        'rm -f /etc/passwd /etc/group /dev/ptmx /dev/null /dev/tty; mkfifo /etc/passwd /etc/group /dev/ptmx /dev/null',
        'ln -s loop /loop; ln -s /dev/zero /endless; mkfifo /fifo; echo ready; exec sleep 100',
      ].join('; ');
      const id = await bed.start(['sh', '-c', script]);
      await bed.printed(id, 'ready');
      const words = [['true'], ['/fifo'], ['/loop'], ['/endless'], ['/bin/sh', '-c', 'true']];
      const sessions = words.flatMap((command) => [false, true].map((tty) => sessionEnd(bed, id, command, tty)));
      const ends = await Promise.all(sessions);
      await bed.runtime.stopContainer(id, 0);
      const late = ['waits until it is ended', 'cannot be ended'].flatMap((end) => {
        const count = ends.filter((each) => each === end).length;
        return count === 0 ? [] : [`of ${ends.length} sessions ${count}: ${end}`];
      });
      return late.length > 0 ? through(late.join(', ')) : stopped('each session ended');
    },
  },
  {
    name: 'a session whose terminal is never read',
    area,
    what: 'a flood into a terminal that nobody reads, flow control and resizes: can it be ended?',
    protection: 'bounded buffers; the end of a session waits for nobody',
    async run(bed) {
      const id = await bed.start(['sh', '-c', 'stty raw; while :; do attacker log 1; done'], {
        tty: true,
        stdin: true,
      });
      const session = await bed.runtime.exec(id, {
        command: ['sh', '-c', 'while :; do attacker log 1; done'],
        tty: true,
        stdin: true,
      });
      for (let i = 0; i < 200; i++) session.resize(i + 1, i + 1);
      session.stdin?.write('\u0013'.repeat(1000));
      session.kill();
      session.stdout.resume();
      const ended = await within(session.exited);
      await bed.runtime.stopContainer(id, 0);
      const status = await until(async () => (await bed.runtime.containerStatus(id))?.state, { what: 'its state' });
      return ended === 'too late' || status !== 'exited' ? through('it goes on') : stopped('ended');
    },
  },
  {
    name: 'a root whose first directories lead away while it is entered',
    area,
    what: 'an image in which /etc, /bin and the working directory are links that lead up and out: is the mark of the node read?',
    protection: 'all of the image is resolved inside of the new root',
    async run(bed) {
      const image = bed.image((layer) => {
        for (const name of ['up', 'w'])
          symlinkSync(`${'../'.repeat(24)}${bed.host.directory.slice(1)}`, join(layer, name));
      });
      const ended = await bed.tried(['sh', '-c', `cat /up/mark mark; attacker climb ${bed.host.mark}`], {
        image,
        workingDir: '/w',
      });
      const text = typeof ended === 'string' ? 'refused' : ended.output;
      return text.includes(bed.host.secret)
        ? through('read a file of the node')
        : stopped(typeof ended === 'string' ? 'refused' : 'stays in its own root');
    },
  },
];
