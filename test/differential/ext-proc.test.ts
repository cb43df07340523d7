// What the client, the origin and the external processor saw must be what it was with the recorded Envoy.
import { describeFilterAnswers } from './filter-answers.ts'

describeFilterAnswers('ext_proc answers as Envoy', filter => filter === 'ext_proc')
