#!/usr/bin/env node
// The two calls of tar that `kubectl cp` makes in a container, for an image that has none: `tar … -xmf - -C DIR` and `tar cf - FILE`.
const fs = require('node:fs');
const path = require('node:path');

function unpack(bytes, directory) {
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0;) {
    const text = (from, length) => bytes.toString('utf8', at + from, at + from + length).split('\0')[0];
    const size = Number.parseInt(text(124, 12), 8) || 0;
    const target = path.join(directory, text(0, 100));
    fs.mkdirSync(path.dirname(target), { recursive: true });
    if (text(156, 1) !== '5') fs.writeFileSync(target, bytes.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
}

function pack(file) {
  const content = fs.readFileSync(file);
  const header = Buffer.alloc(512);
  header.write(file.replace(/^\//, ''), 0);
  header.write(['0000644', '0000000', '0000000', ''].join('\0'), 100);
  header.write([content.length.toString(8).padStart(11, '0'), '00000000000', '        0'].join('\0'), 124);
  header.write(['ustar', '00'].join('\0'), 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const filled = Buffer.alloc(Math.ceil(content.length / 512) * 512 + 1024);
  content.copy(filled);
  fs.writeSync(1, Buffer.concat([header, filled]));
}

const words = process.argv.slice(2);
if (words[0] === 'cf') pack(words.at(-1));
else unpack(fs.readFileSync(0), words[words.indexOf('-C') + 1] ?? '.');
