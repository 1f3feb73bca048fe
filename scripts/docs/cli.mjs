// The reference of the command, from the commander program.
import { code, described, fence, page, plain, table } from './markdown.mjs';
import { load } from './sources.mjs';

const exitMeanings = {
  ok: 'done',
  failure: 'refused or failed: the message says why',
  usage: 'the command line, the configuration file or a path in it is wrong',
  unreachable: 'no cluster answers there, or there is no kubeconfig',
  busy: 'another process has the data directory',
};

function titleOf(command) {
  return command.parent === null ? command.name() : `${titleOf(command.parent)} ${command.name()}`;
}

/** What `addHelpText('after', …)` added. */
function extraHelp(command) {
  let text = '';
  const before = command.configureOutput();
  command.configureOutput({
    ...before,
    writeOut: (part) => {
      text += part;
    },
  });
  const usage = command.helpInformation();
  command.outputHelp();
  return text.slice(usage.length).trim();
}

function defaultOf({ defaultValue }) {
  if (defaultValue === undefined || (Array.isArray(defaultValue) && defaultValue.length === 0)) return '';
  return ` (default: ${defaultValue})`;
}

function optionRows(command) {
  return command.options.map((option) => {
    const told = option.argChoices?.every((choice) => option.description.includes(choice)) ?? true;
    const choices = told ? '' : ` (${option.argChoices.join(', ')})`;
    return [code(option.flags), plain(`${option.description}${choices}${defaultOf(option)}`)];
  });
}

function argumentsOf(command) {
  return command.registeredArguments
    .map((argument) => (argument.required ? ` <${argument.name()}>` : ` [${argument.name()}]`))
    .join('');
}

function section(command) {
  const parts = [`## ${titleOf(command)}${plain(argumentsOf(command))}`, `${command.description()}.`];
  for (const argument of command.registeredArguments) {
    if (argument.argChoices !== undefined) parts.push(`${code(argument.name())}: ${argument.argChoices.join(', ')}.`);
  }
  if (command.options.length > 0) parts.push(table(['option', 'meaning'], optionRows(command)));
  const extra = extraHelp(command);
  const note = extra.replace(/(^|\n)Examples?:[^]*$/, '').trim();
  const examples = /(?:^|\n)Examples?:\n([^]*)$/.exec(extra)?.[1];
  if (note !== '') parts.push(note);
  if (examples !== undefined) parts.push(fence('sh', examples.replace(/^ {2}/gm, '')));
  return parts.join('\n\n');
}

/** Commands that do something, in the order of their names. */
function leaves(command) {
  const visible = command.commands.filter((sub) => !sub.name().startsWith('__') && sub.name() !== 'help');
  if (visible.length === 0) return [command];
  return visible.sort((a, b) => (a.name() < b.name() ? -1 : 1)).flatMap(leaves);
}

export function exitCodeTable(exitCodes) {
  const rows = described('exit codes', Object.keys(exitCodes), exitMeanings);
  return table(
    ['code', 'meaning'],
    rows.map(([name, meaning]) => [exitCodes[name], meaning]),
  );
}

export async function cliPage() {
  const { createProgram } = await load('cli/dist/program.js');
  const { exitCodes } = await load('cli/dist/errors.js');
  return page(
    'The command',
    'In a clone of the repository the command is `npx timonel`. `--help` after any command prints what is below.',
    ...leaves(createProgram()).map(section),
    '## Exit codes',
    exitCodeTable(exitCodes),
    'A second SIGINT or SIGTERM while `timonel up` is stopping ends it at once with 130, without the clean-up.',
    '## Environment',
    table(
      ['variable', 'meaning'],
      [
        [code('TIMONEL_DATA_DIR'), 'the data directory, where `--data-dir` is not given'],
        [code('TIMONEL_DEBUG'), 'when set, errors are printed with their stack'],
      ],
    ),
  );
}
