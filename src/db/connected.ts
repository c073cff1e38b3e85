import { PrismaPg } from '@prisma/adapter-pg'
import type pg from 'pg'
import { Prisma } from './generated/client.js'

const question = 'Which connection does this transaction have?'

/**
 * Prisma's adapter for a pool, and the way from one of its transactions to the connection that it runs on. What is sent
 * there directly is part of the transaction, and costs a third of what it costs through Prisma.
 */
export function connectPrisma(pool: pg.Pool, options: ConstructorParameters<typeof PrismaPg>[1]) {
  const asked = new Map<string, (connection: pg.PoolClient) => void>()
  let tickets = 0

  const adapter = new PrismaPg(pool, options)
  const connect = adapter.connect.bind(adapter)
  adapter.connect = async () => {
    const driver = await connect()
    const start = driver.startTransaction.bind(driver)
    driver.startTransaction = async (isolationLevel) => {
      const transaction = await start(isolationLevel)
      const execute = transaction.executeRaw.bind(transaction)
      transaction.executeRaw = (query) => {
        const answer = query.sql.startsWith(question) ? asked.get(String(query.args[0])) : undefined
        if (!answer) return execute(query)
        answer((transaction as unknown as { client: pg.PoolClient }).client)
        return Promise.resolve(0)
      }
      return transaction
    }
    return driver
  }

  /** Asks the transaction itself, so that no two can be taken for each other. The question never leaves this file. */
  async function connectionOf(tx: Prisma.TransactionClient): Promise<pg.PoolClient> {
    const ticket = String(++tickets)
    let connection: pg.PoolClient | undefined
    asked.set(ticket, (found) => {
      connection = found
    })
    try {
      await tx.$executeRaw(new Prisma.Sql([question, ''], [ticket]))
    } finally {
      asked.delete(ticket)
    }
    if (!connection) throw new Error('A transaction did not tell its connection')
    return connection
  }

  return { adapter, connectionOf }
}
