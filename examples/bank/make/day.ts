/**
 * A day at a bank that opened this morning, line by line.
 *
 * People open accounts, get their salary, pay by card and send each other money; shops take it in and pay wages and
 * suppliers. The day keeps books of its own, only to know what would be a realistic mistake: asking for more than there
 * is, for accounts that are closed or never were, or for what belongs to somebody else.
 */
import { businessName, personName } from './names.ts'
import { random } from './random.ts'

/** Who asks for what, and the key that makes asking twice harmless. */
export interface Line {
  readonly key: string
  readonly actor: { readonly id: string; readonly roles: readonly string[] }
  readonly command: string
  readonly input: Readonly<Record<string, string | number>>
}

interface Book {
  readonly id: string
  readonly owner: string
  balance: number
}

/** Endless: whoever reads it stops when there is enough. `progress` tells how much of the day is over, from 0 to 1. */
export function* day(seed: number, date: string, progress: () => number): Generator<Line, never> {
  const chance = random(seed)
  const { int, pick } = chance
  const names = new Set<string>()
  const people: Book[] = []
  const shops: Book[] = []
  const closed: Book[] = []
  let payday = 0
  let serial = 0

  const line = (actor: Line['actor'], command: string, input: Line['input']): Line => {
    serial++
    return { key: `${date}-${String(serial).padStart(5, '0')}`, actor, command, input }
  }
  const owner = (book: Book) => ({ id: book.owner, roles: ['customer'] })
  const teller = () => ({ id: `teller-${int(1, 6)}`, roles: ['teller'] })
  const clearing = { id: 'clearing', roles: ['system'] }

  const open = (book: Book) => line(teller(), 'OpenAccount', { accountId: book.id, owner: book.owner })
  const deposit = (actor: Line['actor'], to: Book, amount: number) => {
    to.balance += amount
    return line(actor, 'Deposit', { accountId: to.id, amount })
  }
  const withdraw = (from: Book, amount: number, actor = owner(from)) => {
    if (amount <= from.balance) from.balance -= amount
    return line(actor, 'Withdraw', { accountId: from.id, amount })
  }
  const transfer = (from: Book, to: Book, amount: number) => {
    if (amount <= from.balance) {
      from.balance -= amount
      to.balance += amount
    }
    return line(owner(from), 'Transfer', { from: from.id, to: to.id, amount, transferId: `T${serial + 1}` })
  }
  /** Somebody who can pay that much, if ten tries find one. */
  const payer = (amount: number, among: readonly Book[] = people) => {
    let found = pick(among)
    for (let tries = 0; found.balance < amount && tries < 10; tries++) found = pick(among)
    return found
  }
  const somebodyElse = (than: Book, among: readonly Book[] = people) => {
    let found = pick(among)
    while (found === than) found = pick(among)
    return found
  }
  const nobody = (): Book => ({ id: String(int(7000, 9999)), owner: pick(people).owner, balance: 0 })

  const happenings: Readonly<Record<keyof ReturnType<typeof timetable>, () => Line[]>> = {
    newCustomer: () => {
      const shop = shops.length * 24 < people.length
      const book = { id: String(1000 + people.length + shops.length + closed.length), owner: '', balance: 0 }
      book.owner = shop ? businessName(chance, names) : personName(chance, names)
      ;(shop ? shops : people).push(book)
      const cash = shop ? int(20, 80) * 10_000 : int(2, 60) * 1_000
      return chance.chance(0.85) ? [open(book), deposit(teller(), book, cash)] : [open(book)]
    },
    salary: () => (payday < people.length ? [deposit(clearing, people[payday++]!, int(140_000, 420_000))] : []),
    card: () => {
      const price = pick([int(180, 900), int(900, 6_000), int(6_000, 15_000)])
      return [withdraw(payer(price), price)]
    },
    cashMachine: () => {
      const notes = pick([2_000, 5_000, 5_000, 10_000, 20_000])
      return [withdraw(payer(notes), notes)]
    },
    takings: () => [deposit(clearing, pick(shops), int(4_000, 140_000))],
    payment: () => {
      const price = int(1_000, 45_000)
      const from = payer(price)
      return [transfer(from, chance.chance(0.45) ? pick(shops) : somebodyElse(from), price)]
    },
    wages: () => {
      const wage = int(90_000, 240_000)
      return [transfer(payer(wage, shops), pick(people), wage)]
    },
    supplies: () => {
      const price = int(20_000, 400_000)
      const from = payer(price, shops)
      return [transfer(from, somebodyElse(from, shops), price)]
    },
    closing: () => {
      const index = int(0, people.length - 1)
      const [book] = people.splice(index, 1) as [Book]
      if (index < payday) payday--
      closed.push(book)
      const reason = pick(['moved abroad', 'joined another bank', 'opened by mistake', 'merged with a family account'])
      const close = line(teller(), 'CloseAccount', { accountId: book.id, reason })
      if (book.balance === 0) return [close]
      return [close, withdraw(book, book.balance, teller()), line(close.actor, 'CloseAccount', { accountId: book.id, reason })]
    },
    overdraft: () => {
      const from = pick(chance.chance(0.7) ? people : shops)
      const amount = Math.min(from.balance + int(1, 60_000), 1_000_000)
      return [chance.chance(0.3) ? transfer(from, somebodyElse(from), amount) : withdraw(from, amount)]
    },
    unknownAccount: () =>
      pick([
        () => [line(clearing, 'Deposit', { accountId: nobody().id, amount: int(1_000, 90_000) })],
        () => [withdraw(nobody(), int(1_000, 9_000))],
        () => [
          line(owner(pick(people)), 'Transfer', {
            from: pick(people).id,
            to: nobody().id,
            amount: int(100, 900),
            transferId: `T${serial + 1}`,
          }),
        ],
      ])(),
    closedAccount: () =>
      closed.length === 0
        ? []
        : pick([
            () => [line(clearing, 'Deposit', { accountId: pick(closed).id, amount: int(140_000, 420_000) })],
            () => [withdraw(pick(closed), int(1_000, 9_000))],
          ])(),
    stranger: () => {
      const from = pick(people)
      return [line(owner(somebodyElse(from)), 'Withdraw', { accountId: from.id, amount: int(1_000, 50_000) })]
    },
    openedTwice: () => [open(pick(people))],
    overTheLimit: () => [withdraw(pick(shops), int(1_000_001, 4_000_000))],
  }

  for (let customers = 0; customers < 30; customers++) yield* happenings.newCustomer()
  for (;;) yield* happenings[chance.weighted(timetable(progress()))]()
}

/** How often what happens, at that time of the day. */
function timetable(time: number) {
  const between = (from: number, to: number) => time >= from && time < to
  return {
    newCustomer: between(0, 0.12) ? 32 : 2,
    salary: between(0.1, 0.32) ? 26 : 1,
    card: between(0, 0.06) ? 8 : 34,
    cashMachine: 5,
    takings: between(0.15, 0.95) ? 14 : 4,
    payment: between(0, 0.06) ? 3 : 8,
    wages: between(0.5, 0.62) ? 9 : 0.4,
    supplies: 2,
    closing: between(0.3, 1) ? 0.5 : 0,
    overdraft: 2.2,
    unknownAccount: 0.6,
    closedAccount: 0.5,
    stranger: 0.35,
    openedTwice: 0.2,
    overTheLimit: 0.1,
  }
}
