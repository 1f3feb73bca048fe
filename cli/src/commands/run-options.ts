/** Options that commands share which run plugins: `up`, `server`, `agent`. */
import { Option } from 'commander';
import { repeatable } from './repeatable.ts';

export const enableOption = (): Option =>
  repeatable('--enable <plugin>', 'also run this plugin (a name or a file); may be repeated');

export const disableOption = (): Option => repeatable('--disable <plugin>', 'leave this plugin out; may be repeated');

export const logLevelOption = (): Option =>
  new Option('--log-level <level>', 'of the log file (default: info)').choices(['debug', 'info', 'warn', 'error']);
