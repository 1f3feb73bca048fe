/** The runtime socket of a worker. */
import { connect } from 'node:net';
import type { Env } from '@timonel/sdk';

/** Bytes of an answer. */
const answerLimit = 64 * 1024 * 1024;
const deadlineMs = 5_000;
/** In one line: it must fit into a buffer of haproxy. */
const batchSize = 50;

/** Sends one line; answers all that comes back. @throws Error when the worker does not answer in time */
export function ask(env: Env, socket: string, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const connection = connect(socket);
    let answer = '';
    const timer = env.timers.after(deadlineMs, () => connection.destroy(new Error('haproxy does not answer')));
    connection.setEncoding('utf8');
    connection.on('data', (text: string) => {
      answer += text;
      if (answer.length > answerLimit) connection.destroy(new Error('haproxy answers without an end'));
    });
    connection.on('error', reject);
    connection.on('close', () => {
      timer.cancel();
      resolve(answer);
    });
    connection.write(`${line}\n`);
  });
}

const failed = /no such|unknown|invalid|require|can't|cannot|fail|denied|not found/i;

/** Changes servers. @throws Error with what haproxy said when it refuses one */
export async function command(env: Env, socket: string, lines: readonly string[]): Promise<void> {
  for (let from = 0; from < lines.length; from += batchSize) {
    const answer = await ask(env, socket, lines.slice(from, from + batchSize).join('; '));
    if (failed.test(answer)) throw new Error(`haproxy refuses a change of its servers: ${answer.trim().slice(0, 300)}`);
  }
}

/** Rows of `show stat` by column. */
export function parseStatistics(text: string): Readonly<Record<string, string>>[] {
  const [head = '', ...rows] = text.split('\n').filter((line) => line !== '');
  const names = head.replace(/^# /, '').split(',');
  return rows.map((row) => Object.fromEntries(row.split(',').map((value, index) => [names[index] ?? '', value])));
}
