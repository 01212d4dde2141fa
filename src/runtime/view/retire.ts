/** Views that no build has any more. */
import { DefinitionError, NotFoundError } from '../../core/errors.ts'
import type { Engine } from '../engine.ts'
import { keptDefinitions } from '../prepare-store.ts'

/** What can be done with the views of an app's store. */
export interface Views {
  /**
   * Forgets the view of a transactional projection that no build has any more, with its rows in all tenants. Until then, commands whose
   * events it folds are refused in every build without it. Should it come back, it is built anew. The tables of a table projection stay;
   * nobody writes to them any more.
   *
   * @throws DefinitionError (`ES_DEFINITION`) this app has the projection.
   * @throws NotFoundError (`ES_NOT_FOUND`) the store knows no transactional projection of this name.
   * @example
   * await app.views.retire('balances')
   */
  retire(projection: string): Promise<void>
}

export const viewsOf = ({ store, definitions }: Engine): Views => ({
  async retire(projection) {
    if (keptDefinitions(definitions).some(({ view }) => view === projection))
      throw new DefinitionError(`Projection ${projection} is registered in this app, which would make its view again: remove it first.`)
    const { views } = await store.views.kept()
    if (!views.some(({ view }) => view === projection)) throw new NotFoundError(`transactional projection "${projection}" in the store`)
    await store.views.retire(projection)
  },
})
