-- The message of an error for the user: its own text if it was raised for the user, else the path of the log.
return function(log)
  return function(problem)
    if type(problem) == "table" and problem.told then return problem.told end
    log.add(debug.traceback(tostring(problem), 2))
    return "Something unexpected went wrong; please report what is at the end of " .. log.path
  end
end
