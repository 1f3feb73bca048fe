#!/usr/bin/env node
import { bundledProgram } from './bundled-program.ts';

const bundled = bundledProgram();
const { main } =
  bundled === undefined ? await import('./program.ts') : ((await import(bundled)) as typeof import('./program.ts'));
process.exit(await main(process.argv.slice(2)));
