import { Argument, type Command } from 'commander';
import { catalogue } from '../cluster/catalogue.ts';
import { imageCandidates } from './image/complete.ts';

const scripts: Readonly<Record<string, string>> = {
  bash: `_timonel() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(timonel __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _timonel timonel
`,
  zsh: `#compdef timonel
_timonel() {
  local -a candidates
  candidates=("\${(@f)$(timonel __complete -- "\${words[@]:1:$((CURRENT-1))}" 2>/dev/null)}")
  compadd -a candidates
  _files
}
compdef _timonel timonel
`,
  fish: `complete -c timonel -f -a '(timonel __complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
`,
};

function argumentCandidates(path: readonly string[]): string[] {
  const names = Object.keys(catalogue);
  if (path[0] === 'plugin' && path[1] !== 'list') return names;
  if (path[0] === 'scheduler' && ['use', 'shadow'].includes(path[1] ?? ''))
    return names.filter((name) => /^scheduler-(?!host$|external$)/.test(name));
  if (path[0] === 'why') return ['pod', 'pod/'];
  return [];
}

/** What may stand at the place of the last word. */
export function candidates(program: Command, words: readonly string[]): string[] {
  const last = words.at(-1) ?? '';
  let command = program;
  const path: string[] = [];
  for (const word of words.slice(0, -1)) {
    const next = command.commands.find((sub) => sub.name() === word);
    if (next === undefined) continue;
    command = next;
    path.push(word);
  }
  if (words.at(-2) === '--to' && path[0] === 'why')
    return ['pod/', 'service/'].filter((candidate) => candidate.startsWith(last));
  const all = last.startsWith('-')
    ? command.options.flatMap((option) => (option.long === undefined || option.long === null ? [] : [option.long]))
    : [
        ...command.commands.map((sub) => sub.name()).filter((name) => !name.startsWith('__')),
        ...(command.commands.length === 0 ? argumentCandidates(path) : []),
      ];
  return all.filter((candidate) => candidate.startsWith(last));
}

export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('Print a script that completes commands, options and plugin names')
    .addArgument(new Argument('<shell>').choices(Object.keys(scripts)))
    .addHelpText('after', '\nExample:\n  source <(timonel completion bash)')
    .action((shell: string) => void process.stdout.write(scripts[shell] ?? ''));
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .action(async (words: string[]) => {
      const found = [...candidates(program, words), ...(await imageCandidates(words))];
      process.stdout.write(`${found.join('\n')}\n`);
    });
}
