// Does what it is told on stdin, one JSON object a line, and answers each by one on stdout.
// A call may be retried, or build on what another left behind: modules keep their state.
import { createInterface } from 'node:readline'

// Standard output is for answers alone, whatever a library has to say.
console.log = console.info = console.error

const reply = (said) => process.stdout.write(JSON.stringify(said) + '\n')

for await (const line of createInterface({ input: process.stdin })) {
  const { module, call, input } = JSON.parse(line)
  try {
    const answered = await (await import(`./${module}.mjs`))[call](input)
    reply({ answered: answered ?? null })
  } catch (error) {
    const { name, message, code, status } = error
    const cause = error.cause?.code ?? error.cause?.message
    reply({ refused: { name, message, code, status, error: error.error, cause } })
  }
}
