/** The rules of the courses, for the model: they look at what has happened in all streams. */
import type { Decided, Happened, Rule } from './app-model.ts'

interface Wish {
  readonly courseId: string
  readonly studentId: string
}

const stream = ({ courseId }: { readonly courseId: string }) => `course-${courseId}`

export const courseRules: Readonly<Record<string, Rule>> = {
  DefineCourse: {
    stream,
    decide: (_, { courseId, capacity }: { courseId: string; capacity: number }) => [{ type: 'CourseDefined', courseId, capacity }],
  },
  PraiseCourse: {
    stream: ({ courseId }: { courseId: string }) => `praise-${courseId}`,
    decide: (_, { courseId }: { courseId: string }) => [{ type: 'CoursePraised', courseId }],
  },
  SubscribeStudent: { stream, isDecision: true, decide: subscribe },
}

function subscribe(seen: readonly Happened[], { courseId, studentId }: Wish): Decided {
  const subscriptions = seen.filter(({ type }) => type === 'StudentSubscribed')
  const ofStudent = subscriptions.filter((one) => one.studentId === studentId)
  const ofCourse = subscriptions.filter((one) => one.courseId === courseId)
  const capacity = seen.findLast((one) => one.type === 'CourseDefined' && one.courseId === courseId)?.capacity ?? 0
  if (ofStudent.some((one) => one.courseId === courseId)) return []
  if (ofStudent.length >= 2) return { no: 'TooManyCourses', details: { courses: ofStudent.length } }
  if (ofCourse.length >= capacity) return { no: 'CourseFull', details: { capacity } }
  return [{ type: 'StudentSubscribed', courseId, studentId }]
}
