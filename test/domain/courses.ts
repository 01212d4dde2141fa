/** Courses with a number of seats, and students who may take two of them: the domain of decisions, whose rules span streams. */

import { z } from 'zod'
import { command, decision, event, reject } from '../../src/index.ts'

export const CourseDefined = event('CourseDefined', z.object({ courseId: z.string(), capacity: z.int() }), {
  tags: ({ courseId }) => [`course:${courseId}`],
})
export const StudentSubscribed = event('StudentSubscribed', z.object({ courseId: z.string(), studentId: z.string() }), {
  tags: ({ courseId, studentId }) => [`course:${courseId}`, `student:${studentId}`],
})
/** Tagged like the others, but no decision folds it. */
export const CoursePraised = event('CoursePraised', z.object({ courseId: z.string() }), { tags: ({ courseId }) => [`course:${courseId}`] })

const input = z.object({ courseId: z.string(), studentId: z.string() })

export const subscribeStudent = decision('SubscribeStudent', {
  input,
  stream: ({ courseId }) => `course-${courseId}`,
  events: [CourseDefined, StudentSubscribed],
  boundary: ({ courseId, studentId }) => [
    { tags: [`course:${courseId}`] },
    { types: ['StudentSubscribed'], tags: [`student:${studentId}`] },
  ],
  initial: () => ({ capacity: 0, subscribed: 0, courses: 0, already: false }),
  evolve: {
    CourseDefined: (state, { data }) => ({ ...state, capacity: data.capacity }),
    StudentSubscribed: (state, { data }, { courseId, studentId }) => ({
      ...state,
      subscribed: state.subscribed + (data.courseId === courseId ? 1 : 0),
      courses: state.courses + (data.studentId === studentId ? 1 : 0),
      already: state.already || (data.courseId === courseId && data.studentId === studentId),
    }),
  },
  decide: ({ state, input: given }) => {
    if (state.already) return []
    if (state.courses >= 2) return reject('TooManyCourses', { courses: state.courses })
    if (state.subscribed >= state.capacity) return reject('CourseFull', { capacity: state.capacity })
    return StudentSubscribed(given)
  },
})

/** By itself: whether the course exists is nobody's business. */
export const defineCourse = command('DefineCourse', {
  input: z.object({ courseId: z.string(), capacity: z.int() }),
  stream: ({ courseId }) => `course-${courseId}`,
  decide: ({ input: given }) => CourseDefined(given),
})

export const praiseCourse = command('PraiseCourse', {
  input: z.object({ courseId: z.string() }),
  stream: ({ courseId }) => `praise-${courseId}`,
  decide: ({ input: given }) => CoursePraised(given),
})
