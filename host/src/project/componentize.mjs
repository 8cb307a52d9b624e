// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

// Makes a component of a JavaScript module: run by `test-dashboard plugin build` with Node.
//
// Of what the engine can do with WASI, HTTP is kept, which gives `fetch`, and the standard error,
// where the host hears of an exception that nobody caught. A plugin has its time from the contract.

import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';

const [tool, sourcePath, witPath, output] = process.argv.slice(1);
const { componentize } = await import(pathToFileURL(tool));
try {
  // The tool says that the first file cannot be parsed, but not where; Node does.
  execFileSync(process.execPath, ['--check', sourcePath], { stdio: 'pipe' });
  const { component } = await componentize({
    sourcePath,
    witPath,
    worldName: 'plugin',
    disableFeatures: ['random', 'clocks', 'fetch-event'],
  });
  await writeFile(output, component);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
