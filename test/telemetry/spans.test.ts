/** What spans say: names, kinds, attributes by the conventions, errors; and that nothing of it can disturb the work. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Attributes, defaultTextMapSetter, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import * as conventions from '@opentelemetry/semantic-conventions/incubating'
import type { Telemetry } from '../../src/core/telemetry.ts'
import { command, decision, eventHandler, type Middleware } from '../../src/index.ts'
import { openTelemetry } from '../../src/telemetry/index.ts'
import { testApp } from '../../src/testing/index.ts'
import { Account, AccountOpened, balances, closeAccount, deposit, openAccount } from '../domain/bank.ts'
import { inFrontOf } from '../runtime/in-front-of.ts'
import { type Given, onEveryStore } from '../runtime/on-every-store.ts'
import { all, ann } from '../runtime/open-bank.ts'
import { onDeposits, openFollowed, openWithDeposits, sums, workInFrontOf } from '../runtime/subscriptions/follow.ts'
import { recorded } from './recorded.ts'

void [test, defaultTextMapSetter, propagation, ROOT_CONTEXT, trace, command, decision, eventHandler, balances, closeAccount, inFrontOf, all, workInFrontOf, openTelemetry]
type _ = Telemetry | Middleware | Attributes | Given
